#pragma once

/// The commands and flags of the program as data, for what is generated from their declarations.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace ernie {

/// What follows a flag, or stands for an argument.
enum class ValueKind : uint8_t { kNone, kText, kFile, kDirectory };

/// A variable, and the spelling of the flag that it sets: "ERNIE_ARG_PORT", "--port".
struct EnvironmentTwin {
  std::string variable, flag;
};

/// A flag, or an argument without one. Texts are single lines.
struct FlagDescription {
  std::vector<std::string> names;  ///< "--quick", "-q", "--no-x"; of an argument: "DIR"
  ValueKind kind = ValueKind::kNone;
  std::string value;                 ///< "FILE"; empty: nothing follows
  std::vector<std::string> choices;  ///< if only these may follow
  std::string range;                 ///< "from 0 to 65535" or "at least 1", if it has bounds
  std::string group, description, default_value;
  bool is_required = false, is_repeatable = false;
  std::vector<std::string> needs, excludes;  ///< other flags, sorted
  std::vector<EnvironmentTwin> environment;
};

struct CommandDescription {
  std::string name;         ///< "ernie bench serve"
  std::string description;  ///< a line
  std::string footer;       ///< lines, or nothing
  std::vector<FlagDescription> flags, arguments;
  std::vector<CommandDescription> commands;
};

/// Of `app` and everything below it. An argument whose type is named COMMAND has the names of all
/// commands as choices.
CommandDescription describe(const CLI::App& app);

/// The command and those below it, from the top. They live as long as `command`.
std::vector<const CommandDescription*> flattened(const CommandDescription& command);

/// "serve" of "ernie bench serve".
std::string last_word(const std::string& name);

/// "ernie-bench-serve" of "ernie bench serve".
std::string dashed(const std::string& name);

}  // namespace ernie
