#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ernie {

/// What is wrong with a command line, in one line without the command's name: the word, what was
/// got and what was expected, the nearest name for one that does not exist. `called` is the
/// innermost command that `error` was thrown for, below `program`.
std::string usage_problem(const CLI::ParseError& error, const CLI::App& called,
                          const CLI::App& program);

}  // namespace ernie
