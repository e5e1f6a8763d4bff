#include "cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/utf8.h"
#include "cli/command_notes.h"
#include "cli/serve_arguments.h"

namespace ernie {
namespace {

/// Reads as `text` in roff, whatever is in it; not yet at the beginning of a line.
std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Unit unit = first_utf8_unit(text);
    const char c = text.front();
    if (unit.size > 1 || static_cast<unsigned char>(c) >= 0x80) {
      const bool is_character = unit.kind == Utf8Unit::Kind::kCharacter;
      out += fmt::format("\\[u{:04X}]",
                         is_character ? static_cast<uint32_t>(unit.code_point) : uint32_t{0xFFFD});
    } else if (c == '\n') {
      out += ' ';
    } else if (c == '\\') {
      out += "\\(rs";
    } else if (c == '"') {
      out += "\\(dq";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += (c == '-' ? "\\" : "") + std::string(1, c);
    }
    text.remove_prefix(unit.size);
  }
  return out;
}

/// As a line of its own, which must not look like a request.
std::string line_of(const std::string& text) {
  return (text.starts_with('.') ? "\\&" : "") + escaped(text) + "\n";
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

/// What is said of `term`.
std::string entry(const std::string& term, const std::string& text) {
  return ".TP\n" + term + "\n" + line_of(text);
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string capitalised(std::string text) {
  if (!text.empty()) text.front() = static_cast<char>(std::toupper(text.front()));
  return text;
}

std::string sentence(std::string text) {
  if (!text.empty() && !text.ends_with('.')) text += '.';
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string value_of(const FlagDescription& flag) {
  std::string out;
  for (const std::string& choice : flag.choices) out += (out.empty() ? "" : "|") + bold(choice);
  if (out.empty()) out = italic(flag.value);
  return flag.is_repeatable ? out + " ..." : out;
}

std::string text_of(const FlagDescription& flag) {
  std::string text = sentence(flag.description);
  const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : " ") + more; };
  if (flag.is_required) add("Required.");
  if (!flag.range.empty()) add(capitalised(flag.range) + ".");
  if (!flag.default_value.empty()) add("Default: " + flag.default_value + ".");
  if (!flag.needs.empty()) add("Needs " + joined(flag.needs) + ".");
  if (!flag.excludes.empty()) add("Not with " + joined(flag.excludes) + ".");
  return text.empty() ? "No more is to be said." : text;
}

std::string flag_entry(const FlagDescription& flag) {
  std::string term;
  for (const std::string& name : flag.names) term += (term.empty() ? "" : ", ") + bold(name);
  if (flag.kind != ValueKind::kNone) term += " " + value_of(flag);
  return entry(term, text_of(flag));
}

/// "DIR", or what it is called where a list of words may stand.
std::string argument_name(const FlagDescription& argument) {
  const bool is_list = !argument.choices.empty() && argument.choices.size() < 5;
  return is_list ? value_of(argument) : italic(argument.names.front());
}

std::string synopsis_of(const CommandDescription& command) {
  std::string out = ".SH SYNOPSIS\n" + bold(command.name);
  for (const FlagDescription& flag : command.flags) {
    if (flag.is_required) out += " " + bold(flag.names.front()) + " " + value_of(flag);
  }
  out += " [" + italic("options") + "]";
  for (const FlagDescription& argument : command.arguments) {
    const std::string name = argument_name(argument);
    out += argument.is_required ? " " + name : " [" + name + "]";
  }
  if (!command.commands.empty()) out += " " + italic("command") + " ...";
  return out + "\n";
}

std::string description_of(const CommandDescription& command) {
  std::string out = ".SH DESCRIPTION\n" + line_of(sentence(command.description));
  if (!command.footer.empty()) out += ".PP\n";
  for (const std::string& line : CLI::detail::split(command.footer, '\n')) {
    if (!line.empty()) out += line_of(line);  // roff begins a new one at leading spaces
  }
  if (!command.commands.empty()) out += ".SH COMMANDS\n";
  for (const CommandDescription& below : command.commands) {
    out += entry(bold(last_word(below.name)),
                 sentence(below.description) + " See " + dashed(below.name) + "(1).");
  }
  if (!command.arguments.empty()) out += ".SH ARGUMENTS\n";
  for (const FlagDescription& argument : command.arguments) {
    out += entry(italic(argument.names.front()), text_of(argument));
  }
  return out;
}

/// By group, in the order in which they were declared.
std::string options_of(const CommandDescription& command) {
  std::vector<std::string> groups;
  for (const FlagDescription& flag : command.flags) {
    if (std::ranges::count(groups, flag.group) == 0) groups.push_back(flag.group);
  }
  std::string out = ".SH OPTIONS\n";
  for (const std::string& group : groups) {
    if (group != "Options") out += ".SS " + escaped(group) + "\n";
    for (const FlagDescription& flag : command.flags) {
      if (flag.group == group) out += flag_entry(flag);
    }
  }
  return out;
}

bool has_flag(const CommandDescription& command, const std::string& name) {
  return std::ranges::any_of(command.flags, [&](const FlagDescription& flag) {
    return std::ranges::count(flag.names, name) > 0;
  });
}

std::string environment_of(const CommandDescription& command) {
  std::string twins, other;
  for (const FlagDescription& flag : command.flags) {
    for (const auto& [variable, name] : flag.environment) twins += entry(bold(variable), name);
  }
  if (has_flag(command, "--html") || command.name == "ernie chat") {
    other = entry(bold("NO_COLOR"), "Set and not empty: no colours in the terminal.");
  }
  std::string out = ".SH ENVIRONMENT\n";
  if (!twins.empty()) out += "What is typed counts before these.\n";
  if (has_environment_twins(command.name)) {
    out +=
        "A flag without a value takes true or false.\n"
        "Any other variable whose name begins with ERNIE_ARG_ is refused.\n";
  }
  if (!command.commands.empty()) {
    out += "What its commands read is on their pages.\n";
  } else if (twins.empty() && other.empty()) {
    out += "No variable changes what this command does.\n";
  }
  return out + twins + other;
}

std::string notes_of_page(const CommandDescription& command) {
  const CommandNotes notes = notes_of(command.name);
  std::string out = ".SH EXIT STATUS\n";
  for (const auto& [status, text] : notes.exits) out += entry(bold(status), text);
  out += ".SH EXAMPLES\n";
  for (const auto& [line, text] : notes.examples) {
    out += ".PP\n" + line_of(text + ":") + ".PP\n.RS 4\n.nf\n" + line_of(line) + ".fi\n.RE\n";
  }
  return out;
}

/// The program, and the commands above, beside and below this one.
std::string others_of(const CommandDescription& command, const CommandDescription& program) {
  const std::string above = command.name.substr(0, command.name.rfind(' '));
  std::string out;
  for (const CommandDescription* other : flattened(program)) {
    const std::string its_above = other->name.substr(0, other->name.rfind(' '));
    const bool is_near = other == &program || other->name == above || its_above == above ||
                         its_above == command.name;
    if (other == &command || !is_near) continue;
    out += (out.empty() ? "" : ",\n") + bold(dashed(other->name)) + "(1)";
  }
  return ".SH SEE ALSO\n" + out + "\n";
}

}  // namespace

std::string man_page(const CommandDescription& command, const CommandDescription& program,
                     const std::string& version) {
  const std::string name = dashed(command.name);
  return fmt::format(
             ".TH \"{}\" \"1\" \"\" \"ernie {}\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n{} \\- "
             "{}",
             escaped(upper(name)), escaped(version), escaped(name), line_of(command.description)) +
         synopsis_of(command) + description_of(command) + options_of(command) +
         environment_of(command) + notes_of_page(command) + others_of(command, program);
}

}  // namespace ernie
