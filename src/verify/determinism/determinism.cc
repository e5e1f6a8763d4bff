#include "verify/determinism/determinism.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>

#include "base/rng.h"
#include "engine/engine_loop.h"

namespace ernie::verify::determinism {
namespace {

constexpr uint64_t kOrderStream = uint64_t{1} << 32, kCanaryStream = kOrderStream + 1;

/// The indices 0 to count - 1 in random order.
std::vector<size_t> random_order(size_t count, uint64_t seed) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i) {
    const double draw = philox_uniform(seed, kOrderStream, i);
    std::swap(order[i - 1], order[static_cast<size_t>(draw * static_cast<double>(i))]);
  }
  return order;
}

/// A request of the list and when it comes: after so many steps, or when nothing else is left.
struct PlannedArrival {
  size_t request = 0;
  int64_t step = 0;
};
constexpr int64_t kWhenIdle = INT64_MAX;

std::vector<PlannedArrival> plan_arrivals(size_t count, Arrival arrival, uint64_t order_seed) {
  std::vector<size_t> order = random_order(count, order_seed);
  if (arrival != Arrival::kRandom) std::sort(order.begin(), order.end());
  std::vector<PlannedArrival> plan;
  int64_t step = 0;
  for (size_t i = 0; i < count; ++i) {
    plan.push_back({order[i], step});
    if (arrival == Arrival::kAlone) step = kWhenIdle;
    if (arrival != Arrival::kRandom) continue;
    step += static_cast<int64_t>(philox_uniform(order_seed, kOrderStream, i + count + 1) * 5);
  }
  return plan;
}

/// Submits requests to a loop of its own when they are due, and gathers what they give.
class Tracer {
 public:
  Tracer(const std::vector<GenerationRequest>& requests, std::vector<PlannedArrival> plan)
      : requests_(requests),
        plan_(std::move(plan)),
        traces_(requests.size()),
        streams_(requests.size()) {}

  Result<void> run(std::unique_ptr<Engine> engine) {
    EngineLoopOptions options;
    options.max_queued_requests = static_cast<int64_t>(plan_.size());
    options.on_step = [this](const StepRecord& step) { submit_due(step); };
    ERNIE_TRY(loop_, EngineLoop::create(std::move(engine), std::move(options)));
    ERNIE_TRY_VOID(submit_first());
    for (const PlannedArrival& arrival : plan_) {
      // The step that ends the last of those before it submits this one, if no earlier step did.
      if (!streams_[arrival.request]) return *error_;
      read(*streams_[arrival.request], traces_[arrival.request]);
    }
    return loop_->health();
  }

  std::vector<RequestTrace> take_traces() { return std::move(traces_); }
  EngineCounters counters() const { return loop_->status().engine; }

 private:
  GenerationRequest traced_request(size_t index) {
    GenerationRequest request = requests_[index];
    request.on_token = [&tokens = traces_[index].tokens](TokenId id,
                                                         std::span<const float> logits) {
      tokens.push_back(make_token_record(id, logits));
    };
    return request;
  }

  /// Those that are due before the first step.
  Result<void> submit_first() {
    std::vector<GenerationRequest> first;
    for (; num_submitted_ < plan_.size() && plan_[num_submitted_].step == 0; ++num_submitted_) {
      first.push_back(traced_request(plan_[num_submitted_].request));
    }
    const size_t count = num_unfinished_ = first.size();
    ERNIE_TRY(std::vector<TokenStream> streams,
              loop_->submit_all(std::move(first), {.whole = true}));
    for (size_t i = 0; i < count; ++i) streams_[plan_[i].request] = std::move(streams[i]);
    return {};
  }

  /// On the engine's thread, before the step's updates can be read.
  void submit_due(const StepRecord& step) {
    ++num_steps_;
    for (const RequestOutput& output : step.outputs) {
      if (output.finish_reason) --num_unfinished_;
    }
    for (; num_submitted_ < plan_.size() && !error_; ++num_submitted_) {
      const auto& [request, due_step] = plan_[num_submitted_];
      if (due_step > num_steps_ && num_unfinished_ > 0) return;
      auto stream = loop_->submit(traced_request(request), {.whole = true});
      if (!stream) {
        error_ = stream.error();
        return;
      }
      streams_[request] = *std::move(stream);
      ++num_unfinished_;
    }
  }

  static void read(TokenStream& stream, RequestTrace& trace) {
    const RequestOutput answer = *stream.next();
    trace.text = answer.text;
    for (const TokenLogprob& logprob : answer.prompt_logprobs) {
      trace.prompt_logprobs.push_back(std::bit_cast<uint32_t>(logprob.logprob));
    }
    trace.finish_reason = finish_reason_name(*answer.finish_reason);
    trace.error = answer.error;
  }

  const std::vector<GenerationRequest>& requests_;
  const std::vector<PlannedArrival> plan_;
  std::vector<RequestTrace> traces_;
  std::vector<std::optional<TokenStream>> streams_;
  size_t num_submitted_ = 0, num_unfinished_ = 0;
  int64_t num_steps_ = 0;
  std::optional<Error> error_;
  std::unique_ptr<EngineLoop> loop_;  // last: its thread uses the others
};

std::optional<Departure> compare_tokens(const RequestTrace& expected, const RequestTrace& got) {
  const auto id_of = [](const RequestTrace& trace, size_t i) {
    return i < trace.tokens.size() ? fmt::to_string(trace.tokens[i].token_id) : "the end";
  };
  for (size_t i = 0; i < std::max(expected.tokens.size(), got.tokens.size()); ++i) {
    if (id_of(expected, i) != id_of(got, i)) {
      return Departure{0, i, "token", id_of(expected, i), id_of(got, i)};
    }
    const TokenRecord &a = expected.tokens[i], &b = got.tokens[i];
    if (a.logit_bits != b.logit_bits) {
      return Departure{0, i, "logit", fmt::format("{:08x}", a.logit_bits),
                       fmt::format("{:08x}", b.logit_bits)};
    }
    if (a.row_digest != b.row_digest) {
      return Departure{0, i, "row of logits", to_hex(a.row_digest), to_hex(b.row_digest)};
    }
  }
  return std::nullopt;
}

std::optional<Departure> departure_of(const RequestTrace& expected, const RequestTrace& got) {
  const auto [a, b] =
      std::mismatch(expected.prompt_logprobs.begin(), expected.prompt_logprobs.end(),
                    got.prompt_logprobs.begin(), got.prompt_logprobs.end());
  if (a != expected.prompt_logprobs.end() || b != got.prompt_logprobs.end()) {
    const auto shown = [](auto at, auto end) {
      return at == end ? std::string("none") : fmt::format("{:08x}", *at);
    };
    return Departure{0, static_cast<size_t>(a - expected.prompt_logprobs.begin()) + 1,
                     "prompt log-probability", shown(a, expected.prompt_logprobs.end()),
                     shown(b, got.prompt_logprobs.end())};
  }
  if (auto departure = compare_tokens(expected, got)) return departure;
  const size_t end = expected.tokens.size();
  if (expected.text != got.text) return Departure{0, end, "text", expected.text, got.text};
  if (expected.finish_reason != got.finish_reason || expected.error != got.error) {
    return Departure{0, end, "finish reason", expected.finish_reason + expected.error,
                     got.finish_reason + got.error};
  }
  return std::nullopt;
}

int64_t num_tokens(const std::vector<RequestTrace>& traces) {
  int64_t count = 0;
  for (const RequestTrace& trace : traces) count += static_cast<int64_t>(trace.tokens.size());
  return count;
}

/// Runs a variant and compares it with `expected`, or sets that if it is empty.
VariantResult run_variant(const Variant& variant, const DeterminismRun& run, uint64_t order_seed,
                          const EngineFactory& make_engine, std::vector<RequestTrace>& expected) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  VariantResult result{.variant = variant};
  auto engine = make_engine(variant);
  auto traced = engine
                    ? trace_requests(*std::move(engine), run.requests, variant.arrival, order_seed)
                    : Result<TracedRequests>(engine.error());
  if (!traced) {
    result.error = traced.error();
    return result;
  }
  result.counters = traced->counters;
  if (expected.empty()) expected = traced->traces;
  result.departures = compare(expected, traced->traces);
  result.num_tokens = num_tokens(traced->traces);
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return result;
}

size_t canary_request(const DeterminismRun& run, const std::vector<RequestTrace>& expected,
                      uint64_t counter) {
  const size_t count = run.requests.size();
  const double draw = philox_uniform(run.options.seed, kCanaryStream, counter);
  const auto first = static_cast<size_t>(draw * static_cast<double>(count));
  for (size_t i = 0; i < count; ++i) {
    const size_t request = (first + i) % count;
    if (!expected[request].tokens.empty()) return request;
  }
  return first;
}

/// One bit of one logit, in what was recorded.
RequestCanary flip_a_bit(const DeterminismRun& run, const std::vector<RequestTrace>& expected) {
  RequestCanary canary{
      {"the lowest bit of one logit", "某个 logit 的最低位"}, canary_request(run, expected, 0), {}};
  std::vector<RequestTrace> changed = expected;
  if (!changed[canary.request].tokens.empty()) {
    changed[canary.request].tokens.back().logit_bits ^= 1;
  }
  canary.found = compare(expected, changed);
  return canary;
}

/// One token of one prompt, computed in a batch with the others.
Result<RequestCanary> change_a_prompt(DeterminismRun& run,
                                      const std::vector<RequestTrace>& expected,
                                      const Variant& variant, const EngineFactory& make_engine) {
  RequestCanary canary{
      {"one token of one prompt", "某个提示词的一个 token"}, canary_request(run, expected, 1), {}};
  std::vector<GenerationRequest> changed = run.requests;
  TokenId& last = changed[canary.request].prompt_ids.back();
  last = last == 0 ? 1 : last - 1;
  ERNIE_TRY(auto engine, make_engine(variant));
  ERNIE_TRY(const TracedRequests traced,
            trace_requests(std::move(engine), changed, Arrival::kTogether, 0));
  canary.found = compare(expected, traced.traces);
  return canary;
}

}  // namespace

bool DeterminismRun::passed() const {
  const auto passed = [](const VariantResult& result) { return result.passed(); };
  const auto caught = [](const RequestCanary& canary) { return canary.caught(); };
  return !variants.empty() && variants[0].num_tokens > 0 && !canaries.empty() &&
         std::all_of(variants.begin(), variants.end(), passed) &&
         std::all_of(canaries.begin(), canaries.end(), caught);
}

Result<TracedRequests> trace_requests(std::unique_ptr<Engine> engine,
                                      const std::vector<GenerationRequest>& requests,
                                      Arrival arrival, uint64_t order_seed) {
  Tracer tracer(requests, plan_arrivals(requests.size(), arrival, order_seed));
  ERNIE_TRY_VOID(tracer.run(std::move(engine)));
  return TracedRequests{tracer.take_traces(), tracer.counters()};
}

std::vector<Departure> compare(const std::vector<RequestTrace>& expected,
                               const std::vector<RequestTrace>& got) {
  std::vector<Departure> departures;
  for (size_t i = 0; i < expected.size(); ++i) {
    auto departure = departure_of(expected[i], got[i]);
    if (!departure) continue;
    departure->request = i;
    departures.push_back(*std::move(departure));
  }
  return departures;
}

Result<DeterminismRun> run_determinism(const DeterminismOptions& options, const Variant& base,
                                       const std::string& device, const EngineFactory& make_engine,
                                       const VariantProgress& progress) {
  DeterminismRun run{.options = options};
  int64_t token_bytes = 0;
  {
    ERNIE_TRY(const auto engine, make_engine(base));
    run.requests = random_requests(engine->config(), options);
    const ModelConfig& config = engine->config();
    token_bytes = static_cast<int64_t>(engine->backend().kv_bytes_per_token(
        {config.num_layers, 1, 1, config.num_kv_heads, config.head_dim}));
  }
  const std::vector<Variant> variants = make_variants(base, device, options, token_bytes);
  std::vector<RequestTrace> expected;
  for (const Variant& variant : variants) {
    if (progress) progress(run.variants.size(), variants.size(), variant);
    const uint64_t order_seed = options.seed + run.variants.size();
    run.variants.push_back(run_variant(variant, run, order_seed, make_engine, expected));
    const auto& error = run.variants.front().error;
    if (error) return *error;
  }
  run.canaries.push_back(flip_a_bit(run, expected));
  ERNIE_TRY(RequestCanary canary, change_a_prompt(run, expected, base, make_engine));
  run.canaries.push_back(std::move(canary));
  return run;
}

}  // namespace ernie::verify::determinism
