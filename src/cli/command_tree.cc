#include "cli/command_tree.h"

#include <algorithm>
#include <climits>

#include "cli/commands.h"
#include "cli/serve_arguments.h"

namespace ernie {
namespace {

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

ValueKind kind_of(const std::string& type) {
  for (const char* file : {"FILE", "PATH"}) {
    if (type.find(file) != std::string::npos) return ValueKind::kFile;
  }
  return type.find("DIR") != std::string::npos ? ValueKind::kDirectory : ValueKind::kText;
}

/// Whether that is the end of a type and no bound of its own.
bool is_largest(const std::string& number) {
  return number == std::to_string(INT_MAX) || number == std::to_string(LLONG_MAX);
}

/// The parser keeps what a check allows as text behind the type: "TEXT:{a,b}", "INT:INT in [1 -
/// 9]", "TEXT:FILE".
void read_type(const std::string& type, FlagDescription& flag) {
  const size_t colon = type.find(':');
  flag.value = type.substr(0, colon);
  if (flag.value.empty()) flag.value = "VALUE";
  const std::string check = colon == std::string::npos ? "" : type.substr(colon + 1);
  const size_t bracket = check.find(" in ["), dash = check.find(" - ", bracket);
  if (check.starts_with('{') && check.ends_with('}')) {
    flag.choices = CLI::detail::split(check.substr(1, check.size() - 2), ',');
  } else if (bracket != std::string::npos && dash != std::string::npos && check.ends_with(']')) {
    const std::string least = check.substr(bracket + 5, dash - bracket - 5);
    const std::string most = check.substr(dash + 3, check.size() - dash - 4);
    flag.range = is_largest(most) ? "at least " + least : "from " + least + " to " + most;
  }
  if (!flag.choices.empty()) {
    flag.kind = ValueKind::kText;
    return;
  }
  flag.kind = kind_of(type);
  if (flag.kind != ValueKind::kText && flag.value == "TEXT") flag.value = check;
  flag.value = flag.value.substr(0, flag.value.find('('));  // "PATH(existing)"
}

std::vector<std::string> sorted_names(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::ranges::sort(names);
  return names;
}

FlagDescription describe(const CLI::Option& option) {
  FlagDescription flag{.group = option.get_group(),
                       .description = one_line(option.get_description()),
                       .default_value = one_line(option.get_default_str()),
                       .is_required = option.get_required(),
                       .needs = sorted_names(option.get_needs()),
                       .excludes = sorted_names(option.get_excludes())};
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  if (flag.names.empty()) flag.names.push_back(option.get_name(true));
  if (option.get_items_expected_max() > 0) read_type(option.get_type_name(), flag);
  flag.is_repeatable = option.get_expected_max() == CLI::detail::expected_max_vector_size;
  return flag;
}

/// Which variables set the flags of a command.
void add_environment(CommandDescription& command) {
  const bool is_client = std::ranges::any_of(command.flags, [](const FlagDescription& flag) {
    return std::ranges::count(flag.names, "--url") > 0;
  });
  for (FlagDescription& flag : command.flags) {
    for (const std::string& name : flag.names) {
      const bool is_key = name == "--api-key";
      const bool has_twin = has_environment_twins(command.name) && name.starts_with("--") &&
                            !name.starts_with("--no-") && name != "--help";
      if (has_twin) flag.environment.push_back({environment_name(name), name});
      if (is_key) flag.environment.push_back({"VLLM_API_KEY", name});
      if (is_key && is_client) flag.environment.push_back({"OPENAI_API_KEY", name});
    }
  }
}

CommandDescription describe_tree(const CLI::App& app) {
  CommandDescription command{.name = command_name(app),
                             .description = one_line(app.get_description()),
                             .footer = app.get_footer()};
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? command.arguments : command.flags).push_back(describe(*option));
  }
  add_environment(command);
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    command.commands.push_back(describe_tree(*below));
  }
  return command;
}

void name_commands(CommandDescription& command, const std::vector<std::string>& names) {
  for (FlagDescription& argument : command.arguments) {
    if (argument.value == "COMMAND") argument.choices = names;
  }
  for (CommandDescription& below : command.commands) name_commands(below, names);
}

}  // namespace

CommandDescription describe(const CLI::App& app) {
  CommandDescription program = describe_tree(app);
  std::vector<std::string> names;
  for (const CommandDescription* command : flattened(program)) {
    if (command == &program) continue;
    names.push_back(dashed(command->name.substr(program.name.size() + 1)));
  }
  name_commands(program, names);
  return program;
}

std::vector<const CommandDescription*> flattened(const CommandDescription& command) {
  std::vector<const CommandDescription*> all{&command};
  for (const CommandDescription& below : command.commands) {
    for (const CommandDescription* one : flattened(below)) all.push_back(one);
  }
  return all;
}

std::string last_word(const std::string& name) { return name.substr(name.rfind(' ') + 1); }

std::string dashed(const std::string& name) {
  std::string result = name;
  std::ranges::replace(result, ' ', '-');
  return result;
}

}  // namespace ernie
