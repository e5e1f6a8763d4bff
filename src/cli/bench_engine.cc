#include "cli/bench_engine.h"

#include <chrono>

namespace ernie {

Result<MeasuredEngine> load_measured(const EngineLoader& loader, const EngineSettings& settings) {
  const auto start = std::chrono::steady_clock::now();
  MeasuredEngine measured;
  ERNIE_TRY(measured.loaded, loader.open_and_load(settings));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  measured.facts = bench::model_facts(*measured.loaded.engine, measured.loaded.dtype);
  measured.facts.model = measured.loaded.model_name;
  measured.facts.load_s = taken.count();
  measured.facts.ready_age_s = bench::process_age_s();
  measured.facts.ready_memory = bench::process_memory();
  return measured;
}

std::vector<std::pair<report::Text, std::string>> environment_of(
    const EngineFlags& flags, const bench::ModelFacts& facts,
    const report::Environment& environment) {
  auto rows = report::environment_rows(environment);
  rows.push_back({{"Model", "模型"}, facts.model});
  rows.push_back({{"Device", "设备"}, facts.device});
  rows.push_back({{"Threads", "线程数"}, std::to_string(num_threads(flags))});
  rows.push_back({{"Seed", "随机种子"}, std::to_string(flags.seed)});
  return rows;
}

}  // namespace ernie
