#pragma once

#include <string>

#include "cli/command_tree.h"

namespace ernie {

/// What makes a shell complete the command line of `program`: commands, flags, values of which
/// there is a list, files and directories. `shell`: "bash", "zsh" or "fish".
std::string completion_script(const std::string& shell, const CommandDescription& program);

}  // namespace ernie
