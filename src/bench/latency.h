#pragma once

/// Prefill and decode of a model, by length, depth and batch.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/limits/limits.h"
#include "bench/model_cost.h"
#include "bench/process_info.h"
#include "engine/engine.h"

namespace ernie::bench {

struct LatencyOptions {
  std::vector<int64_t> input_lens{128};  ///< tokens of a prompt; a row of prefill each
  std::vector<int64_t> depths{128};  ///< tokens of context before decoding; a row of decode each
  std::vector<int64_t> batch_sizes{1};
  int64_t output_len = 32;  ///< decode steps of an iteration
  int64_t num_iters = 5;
  int64_t num_iters_warmup = 1;
  uint64_t seed = 0;
};

/// The context that the longest request of these needs.
int64_t needed_model_len(const LatencyOptions& options, const EngineOptions& engine);
int64_t largest_batch(const LatencyOptions& options);

struct PrefillResult {
  int64_t input_len = 0, batch_size = 0;
  std::vector<double> first_token_s;  ///< of each request of each iteration
  std::vector<double> batch_s;        ///< of an iteration: until the last request's first token
  std::vector<OpCost> step_costs;     ///< of the steps of an iteration
  LimitTime limit;                    ///< of batch_s
  std::optional<double> joules;       ///< of all iterations
};

struct DecodeResult {
  int64_t depth = 0, batch_size = 0;
  std::vector<double> step_s;  ///< each gives every sequence one token
  OpCost step_cost;            ///< at the mean depth
  LimitTime limit;             ///< of a step
  std::optional<double> joules;
};

/// What is the same for every measurement of a loaded model.
struct ModelFacts {
  std::string model, device;
  DType dtype = DType::kBF16;  ///< of weights and cache
  int64_t weight_bytes = 0;
  int64_t kv_cache_bytes = 0;
  int64_t max_model_len = 0, max_num_seqs = 0, max_num_batched_tokens = 0;
  double load_s = 0;       ///< of load_engine
  double ready_age_s = 0;  ///< from the start of the process until the model was ready
  ProcessMemory ready_memory;
  ElementBytes element_bytes;
};
ModelFacts model_facts(const Engine& engine, DType dtype);

struct LatencyRun {
  LatencyOptions options;
  ModelFacts facts;
  MachineLimits limits;
  bool has_energy = false;
  std::vector<PrefillResult> prefill;
  std::vector<DecodeResult> decode;
  ProcessMemory last_memory;
};

/// Prompts are random, outputs greedy and as long as asked for. A step's time is that of
/// Engine::step(), on the thread of an EngineLoop that is made for it. The machine's limits are
/// measured last, so that their buffer is not in the memory figures. Fills all of `run` but options
/// and facts. Error: what the engine says of a request, or memory.
Result<void> run_latency(std::unique_ptr<Engine> engine, int num_threads, double limits_seconds,
                         LatencyRun& run);

/// Token ids drawn from the vocabulary, the special ones at its beginning left out.
std::vector<TokenId> random_prompt(const ModelConfig& config, int64_t num_tokens, uint64_t seed,
                                   uint64_t stream);

}  // namespace ernie::bench
