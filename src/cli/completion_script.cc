#include "cli/completion_script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

namespace ernie {
namespace {

/// Reads the same as `text` in bash and zsh, whatever is in it.
std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string fish_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

using Quote = std::string(const std::string&);

std::string quoted(const std::vector<std::string>& words, Quote* quote, const char* between) {
  std::vector<std::string> parts;
  for (const std::string& word : words) parts.push_back(quote(word));
  return fmt::format("{}", fmt::join(parts, between));
}

/// One arm of a `case`, if there is anything that it stands for.
std::string arm(const std::vector<std::string>& patterns, const std::string& body) {
  if (patterns.empty()) return "";
  return fmt::format("    ({}) {};;\n", quoted(patterns, shell_word, "|"), body);
}

/// What the scripts ask of a command line, as "ernie run --json" and "ernie inspect".
struct Places {
  std::vector<std::string> commands;  ///< all but the program
  /// Behind these flags a value stands: one of a list, or of a kind.
  std::map<std::vector<std::string>, std::vector<std::string>> flags_by_choices;
  std::map<ValueKind, std::vector<std::string>> flags_by_kind;
  std::map<ValueKind, std::vector<std::string>> commands_by_kind;  ///< of an argument
};

Places places_in(const CommandDescription& program) {
  Places places;
  for (const CommandDescription* command : flattened(program)) {
    if (command != &program) places.commands.push_back(command->name);
    for (const FlagDescription& argument : command->arguments) {
      if (argument.choices.empty()) {
        places.commands_by_kind[argument.kind].push_back(command->name);
      }
    }
    for (const FlagDescription& flag : command->flags) {
      if (flag.kind == ValueKind::kNone) continue;
      std::vector<std::string>& list = flag.choices.empty() ? places.flags_by_kind[flag.kind]
                                                            : places.flags_by_choices[flag.choices];
      for (const std::string& name : flag.names) list.push_back(command->name + " " + name);
    }
  }
  return places;
}

/// Finds the command in the words from `first` up to the current one, for bash and zsh.
std::string walk(const Places& places, const std::string& list, int first, const char* current) {
  const std::string word = "${" + list + "[i]}";
  return fmt::format("  for ((i = {}; i < {}; i++)); do\n    case \"$command {}\" in\n", first,
                     current, word) +
         arm(places.commands, "command=\"$command " + word + "\"") + "    esac\n  done\n";
}

// --- bash

constexpr const char* kBashBeginning =
    R"(# bash completion of ernie, printed by `ernie completion bash`.

# Those of the words behind $1 that begin with it.
_ernie_words() {
  local word
  for word in "${@:2}"; do
    [[ $word == "$1"* ]] || continue
    printf -v word %q "$word"
    COMPREPLY+=("$word")
  done
}

# $1: -f for files, -d for directories, that begin with $2. What stands in quotes is found by
# readline alone, which is asked when there is nothing in COMPREPLY.
_ernie_paths() {
  local path
  if [[ $1 == -d ]]; then
    compopt -o filenames -o dirnames 2>/dev/null
  else
    compopt -o filenames -o default 2>/dev/null
  fi
  while IFS= read -r path; do
    COMPREPLY+=("$path")
  done < <(compgen "$1" -- "$2")
}

_ernie() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=ernie i
  local -a words=() flags=()
  COMPREPLY=()
  # --flag=value comes as three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
)";

/// Subcommands, and choices of an argument.
std::vector<std::string> plain_words(const CommandDescription& command) {
  std::vector<std::string> words;
  for (const CommandDescription& below : command.commands) words.push_back(last_word(below.name));
  for (const FlagDescription& argument : command.arguments) {
    words.insert(words.end(), argument.choices.begin(), argument.choices.end());
  }
  return words;
}

std::vector<std::string> flag_names(const CommandDescription& command) {
  std::vector<std::string> names;
  for (const FlagDescription& flag : command.flags) {
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

std::string bash_script(const CommandDescription& program) {
  Places places = places_in(program);
  std::string out = kBashBeginning + walk(places, "COMP_WORDS", 1, "COMP_CWORD");
  out += "  case \"$command $prev\" in\n";
  for (const auto& [choices, flags] : places.flags_by_choices) {
    out += arm(flags, "_ernie_words \"$cur\" " + quoted(choices, shell_word, " ") + "; return");
  }
  out += arm(places.flags_by_kind[ValueKind::kFile], "_ernie_paths -f \"$cur\"; return");
  out += arm(places.flags_by_kind[ValueKind::kDirectory], "_ernie_paths -d \"$cur\"; return");
  out += arm(places.flags_by_kind[ValueKind::kText], "return");
  out += "  esac\n  case \"$command\" in\n";
  for (const CommandDescription* command : flattened(program)) {
    out += arm({command->name}, fmt::format("words=({})\n      flags=({})",
                                            quoted(plain_words(*command), shell_word, " "),
                                            quoted(flag_names(*command), shell_word, " ")));
  }
  out +=
      "  esac\n"
      "  if [[ $cur == -* ]]; then\n    _ernie_words \"$cur\" \"${flags[@]}\"\n    return\n  fi\n"
      "  case \"$command\" in\n";
  out += arm(places.commands_by_kind[ValueKind::kFile], "_ernie_paths -f \"$cur\"");
  out += arm(places.commands_by_kind[ValueKind::kDirectory], "_ernie_paths -d \"$cur\"");
  // Where nothing but flags can follow, they need no dash to be shown.
  out +=
      "    (*) if [[ ${#words[@]} == 0 ]]; then words=(\"${flags[@]}\"); fi\n"
      "      _ernie_words \"$cur\" \"${words[@]}\";;\n"
      "  esac\n}\n\n";
  return out + "complete -F _ernie ernie\n";
}

// --- zsh

constexpr const char* kZshBeginning = R"(#compdef ernie
# zsh completion of ernie, printed by `ernie completion zsh`.

_ernie() {
  local command=ernie prev=${words[CURRENT-1]} i
  local -a plain flags
  if [[ ${words[CURRENT]} == --*=* ]]; then
    prev=${words[CURRENT]%%=*}
    compset -P '*='
  fi
)";

/// 'word:description' for _describe, to which backslashes and a word's colons say something.
std::string zsh_entry(const std::string& word, const std::string& description) {
  std::string entry;
  for (const char c : word) entry += (c == '\\' || c == ':' ? "\\" : "") + std::string(1, c);
  if (!description.empty()) entry += ':';
  for (const char c : description) entry += (c == '\\' ? "\\" : "") + std::string(1, c);
  return "\n        " + shell_word(entry);
}

/// What stands in `plain` and `flags` for a command.
std::string zsh_lists(const CommandDescription& command) {
  std::string out = "plain=(";
  for (const CommandDescription& below : command.commands) {
    out += zsh_entry(last_word(below.name), below.description);
  }
  for (const FlagDescription& argument : command.arguments) {
    for (const std::string& choice : argument.choices) out += zsh_entry(choice, "");
  }
  out += ")\n      flags=(";
  for (const FlagDescription& flag : command.flags) {
    for (const std::string& name : flag.names) out += zsh_entry(name, flag.description);
  }
  return out + ")";
}

std::string zsh_script(const CommandDescription& program) {
  Places places = places_in(program);
  std::string out = kZshBeginning + walk(places, "words", 2, "CURRENT");
  out += "  case \"$command $prev\" in\n";
  for (const auto& [choices, flags] : places.flags_by_choices) {
    out += arm(flags, "compadd -- " + quoted(choices, shell_word, " ") + "; return");
  }
  out += arm(places.flags_by_kind[ValueKind::kFile], "_files; return");
  out += arm(places.flags_by_kind[ValueKind::kDirectory], "_files -/; return");
  out += arm(places.flags_by_kind[ValueKind::kText], "_message value; return");
  out += "  esac\n  case \"$command\" in\n";
  for (const CommandDescription* command : flattened(program)) {
    out += arm({command->name}, zsh_lists(*command));
  }
  out +=
      "  esac\n"
      "  if [[ ${words[CURRENT]} == -* ]]; then\n    _describe -o option flags\n    return\n  fi\n"
      "  case \"$command\" in\n";
  out += arm(places.commands_by_kind[ValueKind::kFile], "_files");
  out += arm(places.commands_by_kind[ValueKind::kDirectory], "_files -/");
  out +=
      "    (*) if (( ${#plain[@]} )); then _describe command plain\n"
      "      else _describe -o option flags; fi;;\n"
      "  esac\n}\n\n"
      // As a file in $fpath this is the function's own body; read in, it has to be announced.
      "if [[ ${funcstack[1]} == _ernie ]]; then _ernie \"$@\"; else compdef _ernie ernie; fi\n";
  return out;
}

// --- fish

constexpr const char* kFishDirectories = "(__fish_complete_directories (commandline -ct))";

/// The list is expanded once more when it is shown.
std::string fish_list(const std::vector<std::string>& words) {
  return fish_word(quoted(words, fish_word, " "));
}

std::string fish_flag(const std::string& at, const FlagDescription& flag) {
  std::string line = at;
  for (const std::string& name : flag.names) {
    const bool is_long = name.starts_with("--");
    line += (is_long ? " -l " : " -s ") + fish_word(name.substr(is_long ? 2 : 1));
  }
  if (!flag.description.empty()) line += " -d " + fish_word(flag.description);
  if (!flag.choices.empty()) return line + " -x -a " + fish_list(flag.choices) + "\n";
  switch (flag.kind) {
    case ValueKind::kNone:
      return line + "\n";
    case ValueKind::kText:
      return line + " -x\n";
    case ValueKind::kFile:
      return line + " -r -F\n";
    case ValueKind::kDirectory:
      return line + " -x -a " + fish_word(kFishDirectories) + "\n";
  }
  return line;
}

/// Subcommands and arguments.
std::string fish_words(const std::string& at, const CommandDescription& command) {
  std::string out;
  bool takes_files = false;
  for (const CommandDescription& below : command.commands) {
    out += fmt::format("{} -a {} -d {}\n", at, fish_list({last_word(below.name)}),
                       fish_word(below.description));
  }
  for (const FlagDescription& argument : command.arguments) {
    takes_files = takes_files || argument.kind == ValueKind::kFile;
    if (!argument.choices.empty()) {
      out += fmt::format("{} -a {}\n", at, fish_list(argument.choices));
    } else if (argument.kind == ValueKind::kDirectory) {
      out += fmt::format("{} -a {}\n", at, fish_word(kFishDirectories));
    }
  }
  return takes_files ? out : at + " -f\n" + out;
}

std::string fish_script(const CommandDescription& program) {
  std::string out = fmt::format(
      "# fish completion of ernie, printed by `ernie completion fish`.\n\n"
      "function __ernie_command\n"
      "    set -l tokens (commandline -opc)\n"
      "    set -e tokens[1]\n"
      "    set -l command ernie\n"
      "    for token in $tokens\n"
      "        if contains -- \"$command $token\" {}\n"
      "            set command \"$command $token\"\n"
      "        end\n"
      "    end\n"
      "    echo $command\n"
      "end\n\n",
      quoted(places_in(program).commands, fish_word, " "));
  for (const CommandDescription* command : flattened(program)) {
    const std::string condition =
        fmt::format("test (__ernie_command) = {}", fish_word(command->name));
    const std::string at = "complete -c ernie -n " + fish_word(condition);
    out += fish_words(at, *command);
    for (const FlagDescription& flag : command->flags) out += fish_flag(at, flag);
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const CommandDescription& program) {
  if (shell == "zsh") return zsh_script(program);
  return shell == "fish" ? fish_script(program) : bash_script(program);
}

}  // namespace ernie
