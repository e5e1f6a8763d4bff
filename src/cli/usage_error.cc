#include "cli/usage_error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/nearest_name.h"

namespace ernie {
namespace {

std::vector<std::string> names_of(const std::vector<CommandDescription>& commands) {
  std::vector<std::string> names;
  for (const CommandDescription& command : commands) names.push_back(last_word(command.name));
  return names;
}

std::vector<std::string> flag_names(const CommandDescription& command) {
  std::vector<std::string> names;
  for (const FlagDescription& flag : command.flags) {
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

/// The description of `app` itself within that of the program.
CommandDescription description_of(const CLI::App& app, const CLI::App& program) {
  const std::string name = command_name(app);
  const CommandDescription all = describe(program);
  for (const CommandDescription* command : flattened(all)) {
    if (command->name == name) return *command;
  }
  return all;
}

/// "--promt" of "--promt=x".
std::string name_in(const std::string& word) { return word.substr(0, word.find('=')); }

/// A word that no flag, argument or command took.
std::string unknown_word(const std::vector<std::string>& words, const CommandDescription& command) {
  // What follows an unknown flag was probably meant as its value.
  const auto flag = std::ranges::find_if(
      words, [](const std::string& word) { return word.size() > 1 && word[0] == '-'; });
  if (flag != words.end()) {
    const std::string name = name_in(*flag);
    return fmt::format("{}: no such flag{}", name, suggestion(name, flag_names(command)));
  }
  const std::string& word = words.front();
  if (!command.commands.empty()) {
    std::vector<std::string> names = names_of(command.commands);
    const std::string list = fmt::format("{}", fmt::join(names, ", "));
    for (std::string& name : flag_names(command)) names.push_back(std::move(name));
    return fmt::format("{}: no such command{} (commands: {})", word, suggestion(word, names), list);
  }
  std::vector<std::string> arguments;
  for (const FlagDescription& argument : command.arguments) arguments.push_back(argument.names[0]);
  return fmt::format("{}: not expected; besides flags, {} takes {}", word, command.name,
                     arguments.empty() ? "nothing" : fmt::format("{}", fmt::join(arguments, " ")));
}

std::string expected_value(const FlagDescription& flag) {
  if (!flag.choices.empty()) return fmt::format("one of {}", fmt::join(flag.choices, ", "));
  if (flag.range.starts_with("at least")) return "a number of " + flag.range;
  if (!flag.range.empty()) return "a number " + flag.range;
  if (flag.value == "INT") return "an integer";
  if (flag.value == "UINT") return "an integer of at least 0";
  if (flag.value == "FLOAT") return "a number";
  return flag.value;
}

/// The flag or argument that a message of the parser begins with: "--threads: Value 9 not in …",
/// "Could not convert: --threads = x".
const FlagDescription* flag_of(std::string_view message, const CommandDescription& command) {
  constexpr std::string_view kConversion = "Could not convert: ";
  if (message.starts_with(kConversion)) message.remove_prefix(kConversion.size());
  const std::string_view name = message.substr(0, message.find_first_of(" :"));
  for (const auto* list : {&command.flags, &command.arguments}) {
    for (const FlagDescription& flag : *list) {
      if (std::ranges::count(flag.names, name) > 0) return &flag;
    }
  }
  return nullptr;
}

/// A value that a flag does not take.
std::string bad_value(const std::string& message, const CLI::App& app,
                      const CommandDescription& command) {
  const FlagDescription* flag = flag_of(message, command);
  const CLI::Option* option =
      flag == nullptr ? nullptr : app.get_option_no_throw(flag->names.front());
  if (option == nullptr || option->empty()) return message;
  const bool is_described =
      !flag->choices.empty() || !flag->range.empty() || message.starts_with("Could not convert");
  if (!is_described) return message;  // a check of ours, which says what it expected
  return fmt::format("{}: got {}, expected {}", flag->names.front(),
                     fmt::join(option->results(), " "), expected_value(*flag));
}

std::string missing_value(const std::string& message, const CommandDescription& command) {
  const FlagDescription* flag = flag_of(message, command);
  if (flag == nullptr) return message;
  return fmt::format("{}: got nothing, expected {}", flag->names.front(), expected_value(*flag));
}

}  // namespace

std::string usage_problem(const CLI::ParseError& error, const CLI::App& called,
                          const CLI::App& program) {
  const CommandDescription command = description_of(called, program);
  const std::vector<std::string> unknown = called.remaining();
  if (!unknown.empty()) return unknown_word(unknown, command);
  const std::string message = error.what();
  const bool wants_command = !command.commands.empty() && called.get_subcommands().empty();
  if (wants_command && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return fmt::format("got no command, expected one of {}",
                       fmt::join(names_of(command.commands), ", "));
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
      dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    return bad_value(message, called, command);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return missing_value(message, command);
  }
  return message;
}

}  // namespace ernie
