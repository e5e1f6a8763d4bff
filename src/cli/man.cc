#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

#include "base/atomic_file.h"
#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/man_page.h"

namespace ernie {
namespace {

struct ManFlags {
  std::vector<std::string> words;  ///< "bench", "serve", or "bench-serve"
  std::string directory;
};

Result<void> print_page(const CommandDescription& program, const std::vector<std::string>& words) {
  std::string name = program.name;
  for (const std::string& word : words) name += "-" + word;
  for (const CommandDescription* command : flattened(program)) {
    if (dashed(command->name) == name) return print(man_page(*command, program, ERNIE_VERSION));
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "COMMAND: got {}, expected one that {} --help lists", fmt::join(words, " "),
                    program.name);
}

Result<void> write_pages(const CommandDescription& program, const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) {
    return make_error(ErrorCode::kIo, "{}: cannot make it: {}", directory, failed.message());
  }
  for (const CommandDescription* command : flattened(program)) {
    ERNIE_TRY_VOID(write_file_atomically(directory + "/" + dashed(command->name) + ".1",
                                         man_page(*command, program, ERNIE_VERSION)));
  }
  return {};
}

}  // namespace

Command add_man_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<ManFlags>();
  auto* command =
      app.add_option("COMMAND", flags->words, "A command, as bench serve (default: the program)")
          ->type_name("COMMAND")
          ->expected(0, 2);
  app.add_option("--output-dir", flags->directory,
                 "Write the pages of all commands to this directory instead")
      ->type_name("DIR")
      ->excludes(command);
  return [&app, flags]() -> Result<int> {
    const CommandDescription program = describe(*app.get_parent());
    ERNIE_TRY_VOID(flags->directory.empty() ? print_page(program, flags->words)
                                            : write_pages(program, flags->directory));
    return 0;
  };
}

}  // namespace ernie
