#pragma once

/// What `ernie bench latency` and `throughput` share.

#include "bench/latency.h"
#include "cli/engine_flags.h"
#include "report/environment.h"

namespace ernie {

/// Loads the engine and says what it took. For prompts of random ids no tokenizer is needed.
struct MeasuredEngine {
  LoadedEngine loaded;
  bench::ModelFacts facts;
};
Result<MeasuredEngine> load_measured(const EngineLoader& loader, const EngineSettings& settings);

/// Environment, model and seed, for Report::environment.
std::vector<std::pair<report::Text, std::string>> environment_of(
    const EngineFlags& flags, const bench::ModelFacts& facts,
    const report::Environment& environment);

}  // namespace ernie
