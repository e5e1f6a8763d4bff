#include "bench/latency.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/rng.h"
#include "checkpoint/inspect.h"

namespace ernie::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Steps until every sequence of a batch has its first token, at most.
int64_t prefill_steps(int64_t batch, int64_t prompt_len, int64_t max_tokens) {
  return ceil_div(batch * prompt_len, std::max<int64_t>(1, max_tokens - batch)) + 1;
}

class LatencyRunner {
 public:
  LatencyRunner(Engine& engine, LatencyRun& run) : engine_(engine), run_(run) {}

  Result<void> prefill(int64_t input_len, int64_t batch_size) {
    PrefillResult result{.input_len = input_len, .batch_size = batch_size};
    for (int64_t i = 0; i < num_iters(); ++i) {
      if (i == run_.options.num_iters_warmup) energy_.restart();
      const bool counts = i >= run_.options.num_iters_warmup;
      ERNIE_TRY_VOID(add_requests(input_len, batch_size, 1));
      const auto start = Clock::now();
      while (engine_.has_unfinished()) {
        ERNIE_TRY(const int64_t num_tokens, step());
        const double elapsed = seconds_since(start);
        if (!counts) continue;
        result.first_token_s.insert(result.first_token_s.end(), static_cast<size_t>(num_tokens),
                                    elapsed);
      }
      if (counts) result.batch_s.push_back(seconds_since(start));
    }
    result.joules = energy_.joules();
    result.step_costs =
        prefill_costs(engine_.config(), batch_size, input_len,
                      engine_.options().max_num_batched_tokens, run_.facts.element_bytes);
    run_.prefill.push_back(std::move(result));
    return {};
  }

  Result<void> decode(int64_t depth, int64_t batch_size) {
    const int64_t output_len = run_.options.output_len;
    DecodeResult result{.depth = depth, .batch_size = batch_size};
    double joules = 0;
    for (int64_t i = 0; i < num_iters(); ++i) {
      ERNIE_TRY_VOID(fill(std::max<int64_t>(depth, 1), batch_size));
      energy_.restart();
      for (int64_t token = 0; token < output_len; ++token) {
        const auto start = Clock::now();
        ERNIE_TRY(const int64_t num_tokens, step());
        const double taken = seconds_since(start);
        if (num_tokens != batch_size) {
          return make_error(ErrorCode::kOutOfMemory,
                            "decode: {} of {} sequences got a token in a step; the KV cache is too "
                            "small for --batch-size {} at --depth {}",
                            num_tokens, batch_size, batch_size, depth);
        }
        if (i >= run_.options.num_iters_warmup) result.step_s.push_back(taken);
      }
      if (i >= run_.options.num_iters_warmup) joules += energy_.joules().value_or(0);
      ERNIE_TRY_VOID(abort_all());
    }
    if (energy_.available()) result.joules = joules;
    const std::vector<QuerySpan> sequences(static_cast<size_t>(batch_size),
                                           {1, std::max<int64_t>(depth, 1) + output_len / 2});
    result.step_cost = step_cost(engine_.config(), sequences, batch_size, run_.facts.element_bytes);
    run_.decode.push_back(std::move(result));
    return {};
  }

 private:
  int64_t num_iters() const { return run_.options.num_iters + run_.options.num_iters_warmup; }

  Result<void> add_requests(int64_t prompt_len, int64_t batch_size, int64_t max_tokens) {
    requests_.clear();
    for (int64_t i = 0; i < batch_size; ++i) {
      GenerationRequest request{
          random_prompt(engine_.config(), prompt_len, run_.options.seed, next_stream_++), {}};
      request.params.temperature = 0;
      request.params.ignore_eos = true;
      request.params.max_tokens = static_cast<int32_t>(max_tokens);
      ERNIE_TRY(const RequestId id, engine_.add_request(std::move(request)));
      requests_.push_back(id);
    }
    return {};
  }

  /// The number of new tokens.
  Result<int64_t> step() {
    int64_t num_tokens = 0;
    for (const RequestOutput& output : engine_.step()) {
      if (output.finish_reason == FinishReason::kError) {
        return make_error(ErrorCode::kIo, "generation failed: {}", output.error);
      }
      num_tokens += static_cast<int64_t>(output.token_ids.size());
    }
    return num_tokens;
  }

  /// Requests that are all decoding, with room for output_len tokens more.
  Result<void> fill(int64_t depth, int64_t batch_size) {
    const int64_t steps =
        prefill_steps(batch_size, depth, engine_.options().max_num_batched_tokens);
    ERNIE_TRY_VOID(add_requests(depth, batch_size, steps + run_.options.output_len + 1));
    std::map<RequestId, bool> started;
    while (static_cast<int64_t>(started.size()) < batch_size) {
      for (const RequestOutput& output : engine_.step()) {
        if (output.finish_reason == FinishReason::kError) {
          return make_error(ErrorCode::kIo, "generation failed: {}", output.error);
        }
        if (!output.token_ids.empty()) started[output.request_id] = true;
      }
    }
    return {};
  }

  Result<void> abort_all() {
    for (const RequestId id : requests_) engine_.abort(id);
    while (engine_.has_unfinished()) ERNIE_TRY_VOID(step());
    return {};
  }

  Engine& engine_;
  LatencyRun& run_;
  EnergyMeter energy_;
  std::vector<RequestId> requests_;
  uint64_t next_stream_ = 0;
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

Result<void> run_latency(Engine& engine, int num_threads, double limits_seconds, LatencyRun& run) {
  run.has_energy = EnergyMeter().available();
  LatencyRunner runner(engine, run);
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
