#pragma once

/// The words of `ernie serve`, its settings file and its environment, as one command line.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ernie {

/// Rewrites the arguments behind the program's name. Those of `serve`:
/// - names of flags may have underscores (`--max_model_len`);
/// - what is not typed may come from environment variables (`ERNIE_ARG_MAX_MODEL_LEN`), and what
///   is not there from `--config FILE` (YAML or JSON: a mapping from names of flags to values).
/// Other commands' stay as they are. Error: a settings file that cannot be used.
Result<std::vector<std::string>> expand_arguments(const std::vector<std::string>& arguments);

/// Whether flags of this command ("ernie serve") may come from the environment.
bool has_environment_twins(std::string_view command);

/// "ERNIE_ARG_MAX_MODEL_LEN" of "--max-model-len".
std::string environment_name(std::string_view flag);

}  // namespace ernie
