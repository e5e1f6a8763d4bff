#include "bench/throughput.h"

#include <algorithm>
#include <chrono>

#include "engine/engine_loop.h"
#include "engine/generation_result.h"

namespace ernie::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// See run_throughput().
LimitTime run_limit(const ModelConfig& config, const ThroughputRun& run) {
  const ElementBytes& bytes = run.facts.element_bytes;
  const double kv_bytes = static_cast<double>(2 * config.kv_size() * config.num_layers) * bytes.kv;
  OpCost cost;
  double num_tokens = 0;
  for (const RequestTimes& request : run.requests) {
    // Every token but the last one sampled passes through the model.
    const int64_t decodes = std::max<int64_t>(request.num_output_tokens, 1) - 1;
    const int64_t length = request.num_prompt_tokens + decodes;
    const QuerySpan all[] = {{length, length}};
    cost.operations += step_cost(config, all, request.num_output_tokens, bytes).operations;
    const double mean_context =
        static_cast<double>(request.num_prompt_tokens) + static_cast<double>(decodes + 1) / 2;
    cost.bytes += static_cast<double>(decodes) * mean_context * kv_bytes;
    num_tokens += static_cast<double>(length);
  }
  const auto num_steps = static_cast<double>(std::max<size_t>(run.steps.size(), 1));
  const auto step_tokens = static_cast<int64_t>(std::max(1.0, num_tokens / num_steps));
  const QuerySpan average[] = {{step_tokens, 0}};  // no context: only the weights
  cost.bytes += num_steps * step_cost(config, average, 1, bytes).bytes;
  return limit_time(cost, run.limits.all_read_gb_per_s, run.limits.peak_gflop_per_s());
}

/// On the engine's thread.
void note_step(const StepRecord& record, Clock::time_point start, ThroughputRun& run) {
  ThroughputStep step{.end_s = std::chrono::duration<double>(record.ended - start).count()};
  for (const RequestOutput& output : record.outputs) {
    step.num_tokens += static_cast<int64_t>(output.token_ids.size());
    if (!output.finish_reason) continue;
    run.requests.push_back({output.num_prompt_tokens, output.num_output_tokens,
                            output.timings.first_token_s, output.timings.total_s});
  }
  run.steps.push_back(step);
}

Result<void> compute_all(EngineLoop& loop, std::vector<GenerationRequest> requests) {
  ERNIE_TRY(std::vector<TokenStream> streams,
            loop.submit_all(std::move(requests), {.whole = true}));
  for (TokenStream& stream : streams) ERNIE_TRY_VOID(read_to_end(stream));
  return {};
}

}  // namespace

ThroughputFigures throughput_figures(const ThroughputRun& run) {
  ThroughputFigures figures;
  for (const RequestTimes& request : run.requests) {
    figures.num_prompt_tokens += request.num_prompt_tokens;
    figures.num_output_tokens += request.num_output_tokens;
    figures.first_token_s.push_back(request.first_token_s);
    figures.total_s.push_back(request.total_s);
    if (request.num_output_tokens > 1) {
      figures.per_token_s.push_back((request.total_s - request.first_token_s) /
                                    static_cast<double>(request.num_output_tokens - 1));
    }
  }
  const double elapsed = std::max(run.elapsed_s, 1e-9);
  figures.requests_per_s = static_cast<double>(run.requests.size()) / elapsed;
  figures.input_tokens_per_s = static_cast<double>(figures.num_prompt_tokens) / elapsed;
  figures.output_tokens_per_s = static_cast<double>(figures.num_output_tokens) / elapsed;
  figures.total_tokens_per_s = figures.input_tokens_per_s + figures.output_tokens_per_s;
  double before = 0;
  for (const ThroughputStep& step : run.steps) {
    figures.sequences_per_step +=
        static_cast<double>(step.num_tokens) * (step.end_s - before) / elapsed;
    before = step.end_s;
  }
  return figures;
}

Result<void> run_throughput(std::unique_ptr<Engine> engine, std::vector<GenerationRequest> requests,
                            int num_threads, double limits_seconds, ThroughputRun& run) {
  EnergyMeter energy;
  run.has_energy = energy.available();
  Clock::time_point start;
  EngineLoopOptions options;
  options.max_queued_requests = static_cast<int64_t>(requests.size());
  options.on_step = [&](const StepRecord& record) { note_step(record, start, run); };
  ERNIE_TRY(const auto loop, EngineLoop::create(std::move(engine), std::move(options)));
  start = Clock::now();
  ERNIE_TRY_VOID(compute_all(*loop, std::move(requests)));
  run.elapsed_s = run.steps.empty() ? 0 : run.steps.back().end_s;
  run.joules = energy.joules();
  run.last_memory = process_memory();
  ERNIE_TRY(const std::unique_ptr<LimitProbe> probe, LimitProbe::create(num_threads));
  run.limits = probe->measure(limits_seconds);
  run.limit = run_limit(loop->config(), run);
  return {};
}

}  // namespace ernie::bench
