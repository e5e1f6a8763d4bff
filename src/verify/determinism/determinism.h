#pragma once

/// The same requests computed in many ways, compared bit by bit.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "engine/engine.h"
#include "receipt/receipt.h"
#include "report/report.h"

namespace ernie::verify::determinism {

/// How requests come to an engine.
enum class Arrival {
  kAlone,     ///< each when the one before it has ended
  kTogether,  ///< all before the first step
  kRandom,    ///< in random order, some between steps
};

/// One way of computing.
struct Variant {
  report::Text name;
  std::string settings;  ///< what is other than in the first variant, by the names of the flags
  BackendOptions backend;
  EngineOptions engine;
  Arrival arrival = Arrival::kTogether;
  // Else it would not have tested anything:
  bool must_preempt = false;
  bool must_reuse = false;  ///< tokens from the prefix cache
};

/// All that one request gave, as bits.
struct RequestTrace {
  std::vector<TokenRecord> tokens;
  std::vector<uint32_t> prompt_logprobs;  ///< bits of each
  std::string text, finish_reason, error;
};

/// The first place where a request's trace is not that of the first variant.
struct Departure {
  size_t request = 0;
  size_t token = 0;
  std::string what;  ///< "token", "logit", "row of logits", "prompt log-probability", …
  std::string expected, got;
};

struct VariantResult {
  Variant variant;
  std::vector<Departure> departures;  ///< ascending by request; at most one each
  int64_t num_tokens = 0;             ///< compared
  EngineCounters counters;
  double seconds = 0;
  std::optional<Error> error;  ///< it could not run
  bool passed() const { return !error && departures.empty() && tested_something(); }
  bool tested_something() const {
    return (!variant.must_preempt || counters.num_preemptions > 0) &&
           (!variant.must_reuse || counters.num_cached_tokens > 0);
  }
};

/// A deliberate difference that the comparison must find, in one request.
struct RequestCanary {
  report::Text name;
  size_t request = 0;
  std::vector<Departure> found;
  /// Found there and nowhere else.
  bool caught() const { return found.size() == 1 && found[0].request == request; }
};

/// With less there is nothing to preempt.
inline constexpr int64_t kMinRequests = 2, kMinModelLen = 16;

struct DeterminismOptions {
  int64_t num_requests = 24;    ///< >= kMinRequests
  int64_t max_model_len = 256;  ///< of every request; >= kMinModelLen
  uint64_t seed = 0;
};

struct DeterminismRun {
  DeterminismOptions options;
  std::vector<GenerationRequest> requests;
  std::vector<VariantResult> variants;  ///< the first one is what the others are compared with
  std::vector<RequestCanary> canaries;
  bool passed() const;
};

/// Makes the engine of a variant; called again for each.
using EngineFactory = std::function<Result<std::unique_ptr<Engine>>(const Variant&)>;
/// Called before each variant.
using VariantProgress = std::function<void(size_t index, size_t count, const Variant&)>;

/// Requests of all kinds: prompts from one token to most of the context, at borders of blocks, too;
/// greedy and drawn, with penalties, biases and log-probabilities. The first two are made to need
/// more cache together than one context.
std::vector<GenerationRequest> random_requests(const ModelConfig& config,
                                               const DeterminismOptions& options);

/// The ways: `base` alone, alone again, batches, chunks, threads, instruction sets of the cpu
/// device, sizes of blocks, a cache too small, and weights where the file is mapped. token_bytes:
/// KV cache of one token.
std::vector<Variant> make_variants(const Variant& base, const std::string& device,
                                   const DeterminismOptions& options, int64_t token_bytes);

struct TracedRequests {
  std::vector<RequestTrace> traces;  ///< in the requests' order
  EngineCounters counters;
};
/// Computes the requests with an EngineLoop. `order_seed` decides about random arrival.
Result<TracedRequests> trace_requests(std::unique_ptr<Engine> engine,
                                      const std::vector<GenerationRequest>& requests,
                                      Arrival arrival, uint64_t order_seed);

/// At most one departure for each request.
std::vector<Departure> compare(const std::vector<RequestTrace>& expected,
                               const std::vector<RequestTrace>& got);

/// Error: the first variant cannot run.
Result<DeterminismRun> run_determinism(const DeterminismOptions& options, const Variant& base,
                                       const std::string& device, const EngineFactory& make_engine,
                                       const VariantProgress& progress);

}  // namespace ernie::verify::determinism
