#include <fmt/format.h>

#include "cli/commands.h"

namespace ernie {

Command add_verify_determinism_command(CLI::App&) {
  return [] {
    fmt::print(stderr, "ernie verify determinism: not built yet\n");
    return 2;
  };
}

}  // namespace ernie
