#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "engine/check_request.h"
#include "engine/request.h"
#include "engine/scheduling_policy.h"
#include "model/model.h"

namespace ernie {

struct EngineOptions {
  int64_t max_model_len = 0;  ///< prompt and output together; 0: what the model allows, if it fits
  int64_t max_num_seqs = 16;  ///< sequences computed in one step
  int64_t max_num_batched_tokens = 512;  ///< tokens computed in one step
  int64_t block_size = 16;               ///< tokens in a block of the KV cache
  int64_t kv_cache_bytes = 0;  ///< 0: room for max_num_seqs full contexts, within free memory
  /// With kv_cache_bytes = 0: no more than so many bytes, or than one full context if that is more.
  /// A process that lives long writes to all of its cache when prefixes are kept. 0: no such limit.
  int64_t max_kv_cache_bytes = 0;
  /// Blocks whose tokens were computed before are used again; results do not change.
  bool enable_prefix_caching = true;
  SchedulingPolicy scheduling_policy = SchedulingPolicy::kFcfs;
};

/// What an engine did since it was made, and does now.
struct EngineCounters {
  int64_t num_steps = 0;
  int64_t num_computed_tokens = 0;  ///< those computed again after a preemption counted again
  int64_t num_cached_tokens = 0;    ///< found in the cache instead, when a request began or resumed
  int64_t num_preemptions = 0;
  int64_t num_running = 0;         ///< requests that are computed in every step
  int64_t num_waiting = 0;         ///< the others that have not ended
  int64_t num_blocks = 0;          ///< of the KV cache
  int64_t num_used_blocks = 0;     ///< that requests refer to
  int64_t num_prefix_queries = 0;  ///< prompt tokens looked up in the prefix cache
  int64_t num_prefix_hits = 0;     ///< of these, found. Each request is looked up once
  double forward_s = 0;            ///< in forward passes and in sampling from their rows
};

/// Generates for many requests at once. One thread calls all functions.
///
/// What a request's answer is depends on the request and the model alone, bit for bit: not on what
/// else is running, on how its prompt is cut into chunks, on preemption, or on the number of
/// threads.
class Engine {
 public:
  /// `weights` are read during the call and not needed afterwards. The tokenizer may be null: then
  /// text stays empty and stop strings are refused.
  static Result<std::unique_ptr<Engine>> create(std::unique_ptr<Backend> backend,
                                                const WeightSource& weights,
                                                std::shared_ptr<const Tokenizer> tokenizer,
                                                const EngineOptions& options,
                                                const LoadProgress& progress = {});
  virtual ~Engine() = default;

  virtual const ModelConfig& config() const = 0;
  /// The options with every 0 replaced by the figure chosen.
  virtual const EngineOptions& options() const = 0;
  virtual const Backend& backend() const = 0;
  /// What requests it takes. The same as long as the engine lives.
  virtual EngineLimits limits() const = 0;
  virtual EngineCounters counters() const = 0;

  /// Queues a request. Error: what check_request() says. max_tokens may ask for more than fits
  /// max_model_len, generation then ends there as "length".
  virtual Result<RequestId> add_request(GenerationRequest request) = 0;
  /// Ends a request as kAbort in the next step's outputs; an unknown or finished id is ignored.
  virtual void abort(RequestId request_id) = 0;
  virtual bool has_unfinished() const = 0;
  /// Computes one batch and returns the news of every request it concerned. If the device is lost,
  /// these are the ends of all requests, as kError.
  virtual std::vector<RequestOutput> step() = 0;
  /// Error: the device is lost. Then add_request returns the same, and nothing is unfinished.
  virtual Result<void> health() const = 0;
};

}  // namespace ernie
