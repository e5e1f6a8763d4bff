#pragma once

#include <CLI/CLI.hpp>

#include "engine/sampling_params.h"

namespace ernie {

/// --repetition-penalty, --presence-penalty and --frequency-penalty. `params` must outlive the
/// parsing and has the defaults already.
void add_penalty_flags(CLI::App& app, SamplingParams& params);

}  // namespace ernie
