#include <memory>

#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/completion_script.h"

namespace ernie {

Command add_completion_command(CLI::App& app, const EngineLoader&) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "Whose script is printed")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->required();
  app.footer(
      "An installed program has brought its scripts along. Without one they belong here:\n"
      "  bash: ~/.local/share/bash-completion/completions/ernie\n"
      "  zsh: _ernie in a directory of $fpath\n"
      "  fish: ~/.config/fish/completions/ernie.fish");
  return [&app, shell]() -> Result<int> {
    const CommandDescription program = describe(*app.get_parent());
    ERNIE_TRY_VOID(print(completion_script(*shell, program)));
    return 0;
  };
}

}  // namespace ernie
