#include "bench/latency.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/rng.h"
#include "checkpoint/inspect.h"
#include "engine/engine_loop.h"
#include "engine/generation_result.h"

namespace ernie::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Steps until every sequence of a batch has its first token, at most.
int64_t prefill_steps(int64_t batch, int64_t prompt_len, int64_t max_tokens) {
  return ceil_div(batch * prompt_len, std::max<int64_t>(1, max_tokens - batch)) + 1;
}

/// Submits requests to a loop of its own and notes down its steps.
class LatencyRunner {
 public:
  explicit LatencyRunner(LatencyRun& run) : run_(run) {}

  Result<void> start(std::unique_ptr<Engine> engine) {
    const auto note = [this](const StepRecord& step) { note_step(step); };
    ERNIE_TRY(loop_, EngineLoop::create(std::move(engine), {.on_step = note}));
    return {};
  }

  Result<void> prefill(int64_t input_len, int64_t batch_size) {
    PrefillResult result{.input_len = input_len, .batch_size = batch_size};
    for (int64_t i = 0; i < num_iters(); ++i) {
      if (i == run_.options.num_iters_warmup) energy_.restart();
      ERNIE_TRY_VOID(compute(input_len, batch_size, 1));
      if (i < run_.options.num_iters_warmup) continue;
      for (const Step& step : steps_) {
        result.first_token_s.insert(result.first_token_s.end(),
                                    static_cast<size_t>(step.num_tokens),
                                    seconds_between(steps_.front().began, step.ended));
      }
      result.batch_s.push_back(seconds_between(steps_.front().began, steps_.back().ended));
    }
    result.joules = energy_.joules();
    result.step_costs =
        prefill_costs(loop_->config(), batch_size, input_len,
                      loop_->options().max_num_batched_tokens, run_.facts.element_bytes);
    run_.prefill.push_back(std::move(result));
    return {};
  }

  Result<void> decode(int64_t depth, int64_t batch_size) {
    const int64_t prompt_len = std::max<int64_t>(depth, 1), output_len = run_.options.output_len;
    const int64_t fill_steps =
        prefill_steps(batch_size, prompt_len, loop_->options().max_num_batched_tokens);
    DecodeResult result{.depth = depth, .batch_size = batch_size};
    double joules = 0;
    for (int64_t i = 0; i < num_iters(); ++i) {
      decode_ = {.batch_size = batch_size, .num_steps = output_len};
      // One token more than will be waited for: the last ones are cancelled.
      ERNIE_TRY_VOID(compute(prompt_len, batch_size, fill_steps + output_len + 1));
      ERNIE_TRY_VOID(check_decode_steps(depth));
      if (i < run_.options.num_iters_warmup) continue;
      for (const Step& step : decode_.steps) {
        result.step_s.push_back(seconds_between(step.began, step.ended));
      }
      joules += decode_.joules.value_or(0);
    }
    decode_ = {};
    if (energy_.available()) result.joules = joules;
    const std::vector<QuerySpan> sequences(static_cast<size_t>(batch_size),
                                           {1, prompt_len + output_len / 2});
    result.step_cost = step_cost(loop_->config(), sequences, batch_size, run_.facts.element_bytes);
    run_.decode.push_back(std::move(result));
    return {};
  }

 private:
  struct Step {
    Clock::time_point began, ended;
    int64_t num_tokens = 0;
  };
  /// The steps after every sequence of a batch has its first token.
  struct Decode {
    int64_t batch_size = 0, num_steps = 0;  ///< wanted
    std::set<RequestId> started;
    std::vector<Step> steps;
    std::optional<double> joules;  ///< of these steps
  };

  int64_t num_iters() const { return run_.options.num_iters + run_.options.num_iters_warmup; }

  /// On the engine's thread; the requests' ends order it before what reads it.
  void note_step(const StepRecord& record) {
    Step step{record.began, record.ended};
    for (const RequestOutput& output : record.outputs) {
      step.num_tokens += static_cast<int64_t>(output.token_ids.size());
    }
    steps_.push_back(step);
    if (decode_.batch_size > 0) note_decode(record, step);
  }

  void note_decode(const StepRecord& record, const Step& step) {
    const auto num_started = [this] { return static_cast<int64_t>(decode_.started.size()); };
    if (num_started() == decode_.batch_size) {
      if (std::ssize(decode_.steps) == decode_.num_steps) return;  // cancelled already
      decode_.steps.push_back(step);
      if (std::ssize(decode_.steps) < decode_.num_steps) return;
      decode_.joules = energy_.joules();
      for (const RequestId id : decode_.started) loop_->cancel(id);
      return;
    }
    for (const RequestOutput& output : record.outputs) {
      if (!output.token_ids.empty()) decode_.started.insert(output.request_id);
    }
    if (num_started() == decode_.batch_size) energy_.restart();
  }

  /// Computes a batch to its end.
  Result<void> compute(int64_t prompt_len, int64_t batch_size, int64_t max_tokens) {
    std::vector<GenerationRequest> requests;
    for (int64_t i = 0; i < batch_size; ++i) {
      GenerationRequest request{
          random_prompt(loop_->config(), prompt_len, run_.options.seed, next_stream_++), {}};
      request.params.temperature = 0;
      request.params.ignore_eos = true;
      request.params.max_tokens = static_cast<int32_t>(max_tokens);
      requests.push_back(std::move(request));
    }
    steps_.clear();
    ERNIE_TRY(std::vector<TokenStream> streams,
              loop_->submit_all(std::move(requests), {.whole = true}));
    for (TokenStream& stream : streams) ERNIE_TRY_VOID(read_to_end(stream));
    return {};
  }

  Result<void> check_decode_steps(int64_t depth) const {
    const int64_t batch_size = decode_.batch_size;
    for (int64_t i = 0; i < decode_.num_steps; ++i) {
      const auto index = static_cast<size_t>(i);
      const int64_t num_tokens = index < decode_.steps.size() ? decode_.steps[index].num_tokens : 0;
      if (num_tokens == batch_size) continue;
      return make_error(ErrorCode::kOutOfMemory,
                        "decode: {} of {} sequences got a token in a step; the KV cache is too "
                        "small for --batch-size {} at --depth {}",
                        num_tokens, batch_size, batch_size, depth);
    }
    return {};
  }

  LatencyRun& run_;
  EnergyMeter energy_;
  uint64_t next_stream_ = 0;
  std::vector<Step> steps_;
  Decode decode_;
  std::unique_ptr<EngineLoop> loop_;  // last: its thread uses the others
};

void set_limits(LatencyRun& run) {
  const auto limit_of = [&](const OpCost& cost) {
    return limit_time(cost, run.limits.all_read_gb_per_s, run.limits.peak_gflop_per_s());
  };
  for (DecodeResult& row : run.decode) row.limit = limit_of(row.step_cost);
  for (PrefillResult& row : run.prefill) {
    double by_memory = 0;
    for (const OpCost& cost : row.step_costs) {
      const LimitTime step = limit_of(cost);
      row.limit.seconds += step.seconds;
      by_memory += step.by_memory ? step.seconds : 0;
    }
    row.limit.by_memory = 2 * by_memory > row.limit.seconds;
  }
}

}  // namespace

std::vector<TokenId> random_prompt(const ModelConfig& config, int64_t num_tokens, uint64_t seed,
                                   uint64_t stream) {
  constexpr int64_t kSpecial = 256;  // special tokens and bytes
  const int64_t first = config.vocab_size > 2 * kSpecial ? kSpecial : 0;
  std::vector<TokenId> ids(static_cast<size_t>(num_tokens));
  for (size_t i = 0; i < ids.size(); ++i) {
    const double u = philox_uniform(seed, stream, i);
    ids[i] = static_cast<TokenId>(
        first + static_cast<int64_t>(u * static_cast<double>(config.vocab_size - first)));
  }
  return ids;
}

int64_t largest_batch(const LatencyOptions& options) {
  return *std::ranges::max_element(options.batch_sizes);
}

int64_t needed_model_len(const LatencyOptions& options, const EngineOptions& engine) {
  const int64_t batch = largest_batch(options);
  const int64_t max_tokens = std::max(engine.max_num_batched_tokens, batch);
  int64_t longest = 0;
  for (const int64_t length : options.input_lens) longest = std::max(longest, length + 1);
  for (const int64_t depth : options.depths) {
    const int64_t prompt = std::max<int64_t>(depth, 1);
    longest = std::max(longest,
                       prompt + options.output_len + 1 + prefill_steps(batch, prompt, max_tokens));
  }
  return longest;
}

ModelFacts model_facts(const Engine& engine, DType dtype) {
  const ModelConfig& config = engine.config();
  ModelConfig stored = config;
  stored.dtype = dtype;
  const KvCacheShape one{1, 1, 1, config.num_kv_heads, config.head_dim};
  ModelFacts facts{.device = engine.backend().describe(),
                   .dtype = dtype,
                   .weight_bytes = weight_bytes(stored),
                   .kv_cache_bytes = engine.options().kv_cache_bytes,
                   .max_model_len = engine.options().max_model_len,
                   .max_num_seqs = engine.options().max_num_seqs,
                   .max_num_batched_tokens = engine.options().max_num_batched_tokens};
  facts.element_bytes.weight = static_cast<double>(dtype_bytes(dtype));
  facts.element_bytes.kv = static_cast<double>(engine.backend().kv_bytes_per_token(one)) /
                           static_cast<double>(2 * config.kv_size());
  facts.element_bytes.activation =
      static_cast<double>(dtype_bytes(engine.backend().activation_dtype()));
  return facts;
}

Result<void> run_latency(std::unique_ptr<Engine> engine, int num_threads, double limits_seconds,
                         LatencyRun& run) {
  run.has_energy = EnergyMeter().available();
  LatencyRunner runner(run);
  ERNIE_TRY_VOID(runner.start(std::move(engine)));
  for (const int64_t batch : run.options.batch_sizes) {
    for (const int64_t length : run.options.input_lens) {
      ERNIE_TRY_VOID(runner.prefill(length, batch));
    }
    for (const int64_t depth : run.options.depths) ERNIE_TRY_VOID(runner.decode(depth, batch));
  }
  run.last_memory = process_memory();
  ERNIE_TRY(const std::unique_ptr<LimitProbe> probe, LimitProbe::create(num_threads));
  run.limits = probe->measure(limits_seconds);
  set_limits(run);
  return {};
}

}  // namespace ernie::bench
