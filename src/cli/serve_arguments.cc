#include "cli/serve_arguments.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/utf8.h"

extern char** environ;

namespace ernie {
namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;
constexpr std::string_view kPrefix = "ERNIE_ARG_";

Error bad_file(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument, "--config {}: {}", path, what);
}

/// `--name`, `--name value`, or nothing, of one setting.
Result<void> add_setting(const std::string& path, const std::string& name, const YAML::Node& value,
                         std::vector<std::string>& arguments) {
  std::string flag = "--" + name;
  std::ranges::replace(flag, '_', '-');
  if (name == "model-tag" || name == "model_tag") flag = "--model";
  if (value.IsNull()) return {};
  if (value.IsSequence()) {
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) return bad_file(path, name + ": expected texts or numbers in a list");
      arguments.push_back(flag + "=" + item.Scalar());
    }
    return {};
  }
  if (!value.IsScalar()) return bad_file(path, name + ": expected a value or a list of values");
  // Quoted words are texts, whatever they say.
  const bool is_plain = value.Tag() != "!";
  if (is_plain && value.Scalar() == "true") {
    arguments.push_back(flag);
  } else if (is_plain && value.Scalar() == "false") {
    arguments.push_back("--no-" + flag.substr(2));
  } else {
    arguments.push_back(flag + "=" + value.Scalar());
  }
  return {};
}

Result<void> add_config(const std::string& path, std::vector<std::string>& arguments) {
  ERNIE_TRY(const std::string text, read_text_file(path, kMaxConfigBytes));
  if (!is_utf8(text)) return bad_file(path, "expected text in UTF-8");
  // An alias can stand for a text of any size.
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return bad_file(path, "expected a mapping from names of flags to values");
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) return bad_file(path, "expected names of flags as keys");
      ERNIE_TRY_VOID(add_setting(path, entry.first.Scalar(), entry.second, arguments));
    }
  } catch (const YAML::Exception& error) {
    return bad_file(path, fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
  return {};
}

/// Every variable that begins with ERNIE_ARG_ is a flag, so that a mistyped one is an error and not
/// silently without effect.
void add_environment(std::vector<std::string>& arguments) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    std::string name(variable.substr(kPrefix.size(), equals - kPrefix.size()));
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
      return c == '_' ? '-' : static_cast<char>(std::tolower(c));
    });
    if (name == "config") continue;  // it is no flag of the rest, but names where more of them are
    const std::string value(variable.substr(equals + 1));
    if (value == "true") {
      arguments.push_back("--" + name);
    } else if (value == "false") {
      arguments.push_back("--no-" + name);
    } else {
      arguments.push_back("--" + name + "=" + value);
    }
  }
  // vLLM's own name for the key.
  const char* key = std::getenv("VLLM_API_KEY");
  if (key != nullptr && *key != '\0') arguments.push_back(std::string("--api-key=") + key);
}

std::string with_dashes(const std::string& argument) {
  if (!argument.starts_with("--")) return argument;
  std::string result = argument;
  std::replace(
      result.begin(),
      result.begin() + static_cast<std::ptrdiff_t>(std::min(result.find('='), result.size())), '_',
      '-');
  return result;
}

/// "--api-key" of "--api-key=x", and of "--no-x" what "--x" has.
std::string flag_name(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  constexpr std::string_view kNo = "--no-";
  return name.starts_with(kNo) ? "--" + name.substr(kNo.size()) : name;
}

}  // namespace

bool has_environment_twins(std::string_view command) { return command == "ernie serve"; }

std::string environment_name(std::string_view flag) {
  while (flag.starts_with('-')) flag.remove_prefix(1);
  std::string name(kPrefix);
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

Result<std::vector<std::string>> expand_arguments(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != "serve") return arguments;
  std::vector<std::string> typed, expanded{"serve"};
  std::string config;
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::string argument = with_dashes(arguments[i]);
    constexpr std::string_view kConfig = "--config=";
    if (argument == "--config" && i + 1 < arguments.size()) {
      config = arguments[++i];
    } else if (argument.starts_with(kConfig)) {
      config = argument.substr(kConfig.size());
    } else {
      typed.push_back(std::move(argument));
    }
  }
  const char* named = std::getenv(environment_name("--config").c_str());
  if (config.empty() && named != nullptr) config = named;
  std::vector<std::string> environment, settings;
  add_environment(environment);
  if (!config.empty()) ERNIE_TRY_VOID(add_config(config, settings));
  std::set<std::string> given;
  const bool has_model =
      std::ranges::any_of(typed, [](const std::string& word) { return !word.starts_with('-'); });
  for (const auto* source : {&typed, &environment, &settings}) {
    std::vector<std::string> fresh;
    for (const std::string& argument : *source) {
      const std::string name = flag_name(argument);
      const bool is_typed = source == &typed;
      // A word of its own may be the model, or the value of the flag before it.
      if (!is_typed && name == "--model" && has_model) continue;
      if (is_typed || !given.contains(name)) fresh.push_back(argument);
    }
    for (const std::string& argument : fresh) given.insert(flag_name(argument));
    expanded.insert(source == &typed ? expanded.end() : expanded.begin() + 1, fresh.begin(),
                    fresh.end());
  }
  return expanded;
}

}  // namespace ernie
