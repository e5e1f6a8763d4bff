#include <algorithm>
#include <memory>

#include "bench/engine_json.h"
#include "bench/engine_report.h"
#include "cli/bench_engine.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "json/text.h"

namespace ernie {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 20;

struct LatencyFlags {
  EngineFlags engine;
  bench::LatencyOptions options;
  double limits_seconds = 2;
  ReportFlags report;
};

void add_flags(CLI::App& app, LatencyFlags& flags) {
  const CLI::Range length(int64_t{1}, kMostTokens);
  bench::LatencyOptions& options = flags.options;
  app.add_option("--input-len", options.input_lens, "Prompt lengths to measure prefill at: 128,512")
      ->delimiter(',')
      ->check(length)
      ->capture_default_str();
  app.add_option("--depth", options.depths,
                 "Context lengths to measure decode at: 0 is an empty context")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{0}, kMostTokens))
      ->capture_default_str();
  app.add_option("--batch-size", options.batch_sizes, "Sequences at once")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{4096}))
      ->capture_default_str();
  app.add_option("--output-len", options.output_len, "Decode steps of an iteration")
      ->check(length)
      ->capture_default_str();
  app.add_option("--num-iters", options.num_iters, "Iterations of each row")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--num-iters-warmup", options.num_iters_warmup, "Iterations before these")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--limits-seconds", flags.limits_seconds, "Time to measure the machine's limits")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  // The same prompts come again and again: their time is that of computing them.
  flags.engine.engine.enable_prefix_caching = false;
  add_engine_flags(app, flags.engine);
  add_report_flags(app, flags.report);
}

/// Room for what is to be measured, where the flags leave it open.
void complete_flags(LatencyFlags& flags) {
  EngineOptions& engine = flags.engine.engine;
  engine.max_num_seqs = std::max(engine.max_num_seqs, bench::largest_batch(flags.options));
  engine.max_num_batched_tokens = std::max(engine.max_num_batched_tokens, engine.max_num_seqs);
  if (engine.max_model_len == 0) {
    engine.max_model_len = bench::needed_model_len(flags.options, engine);
  }
  flags.options.seed = flags.engine.seed;
}

Result<void> bench_latency(LatencyFlags& flags, const EngineLoader& loader) {
  complete_flags(flags);
  ERNIE_TRY(MeasuredEngine measured, load_measured(loader, flags.engine));
  bench::LatencyRun run{.options = flags.options, .facts = measured.facts};
  const bench::LoadMeter meter;
  ERNIE_TRY_VOID(bench::run_latency(std::move(measured.loaded.engine), num_threads(flags.engine),
                                    flags.limits_seconds, run));
  const auto load = meter.load();
  const report::Environment environment = report::collect_environment();
  report::Report report = bench::latency_report(run);
  report.environment = environment_of(flags.engine, run.facts, environment);
  return write_bench_report(flags.report, std::move(report),
                            bench::latency_to_json(run, environment), load);
}

}  // namespace

Command add_bench_latency_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<LatencyFlags>();
  add_flags(app, *flags);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    ERNIE_TRY_VOID(bench_latency(*flags, loader));
    return 0;
  };
}

}  // namespace ernie
