#pragma once

#include <string>

#include "cli/command_tree.h"

namespace ernie {

/// The manual page of one command of `program`, in roff for `man`; ASCII, whatever the texts are.
std::string man_page(const CommandDescription& command, const CommandDescription& program,
                     const std::string& version);

}  // namespace ernie
