#include <memory>

#include "cli/commands.h"

namespace ernie {

Command add_verify_command(CLI::App& app, const EngineLoader& loader) {
  app.require_subcommand(1);
  const auto chosen = std::make_shared<Command>();
  const auto add = [&](const char* name, const char* description, AddCommand* add_command) {
    add_subcommand(app, name, description, add_command, loader, *chosen);
  };
  add("ops", "Every operation on a device against a reference in double", add_verify_ops_command);
  add("model", "A whole model, layer by layer, against recorded truth or another device",
      add_verify_model_command);
  add("determinism", "The same requests in any company, chunks and threads: the same bits",
      add_verify_determinism_command);
  add("receipt", "Recompute answers from their receipts and say where they depart",
      add_verify_receipt_command);
  return [chosen] { return (*chosen)(); };
}

}  // namespace ernie
