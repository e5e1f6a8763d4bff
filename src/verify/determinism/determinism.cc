#include "verify/determinism/determinism.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <numeric>

#include "base/rng.h"

namespace ernie::verify::determinism {
namespace {

constexpr uint64_t kOrderStream = uint64_t{1} << 32, kCanaryStream = kOrderStream + 1;

/// Runs requests on one engine and gathers what they give.
class Tracer {
 public:
  Tracer(Engine& engine, const std::vector<GenerationRequest>& requests)
      : engine_(engine), requests_(requests), traces_(requests.size()) {}

  Result<void> add(size_t index) {
    GenerationRequest request = requests_[index];
    request.on_token = [&tokens = traces_[index].tokens](TokenId id,
                                                         std::span<const float> logits) {
      tokens.push_back(make_token_record(id, logits));
    };
    ERNIE_TRY(const RequestId id, engine_.add_request(std::move(request)));
    index_of_[id] = index;
    return {};
  }

  void step() {
    for (const RequestOutput& output : engine_.step()) {
      RequestTrace& trace = traces_[index_of_.at(output.request_id)];
      trace.text += output.text;
      for (const TokenLogprob& logprob : output.prompt_logprobs) {
        trace.prompt_logprobs.push_back(std::bit_cast<uint32_t>(logprob.logprob));
      }
      if (!output.finish_reason) continue;
      trace.finish_reason = finish_reason_name(*output.finish_reason);
      trace.error = output.error;
    }
  }
  void run_to_end() {
    while (engine_.has_unfinished()) step();
  }

  std::vector<RequestTrace> take() { return std::move(traces_); }

 private:
  Engine& engine_;
  const std::vector<GenerationRequest>& requests_;
  std::vector<RequestTrace> traces_;
  std::map<RequestId, size_t> index_of_;
};

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
  auto traces = engine ? trace_requests(**engine, run.requests, variant.arrival, order_seed)
                       : Result<std::vector<RequestTrace>>(engine.error());
  if (!traces) {
    result.error = traces.error();
    return result;
  }
  result.counters = (*engine)->counters();
  if (expected.empty()) expected = *traces;
  result.departures = compare(expected, *traces);
  result.num_tokens = num_tokens(*traces);
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
  ERNIE_TRY(const auto engine, make_engine(variant));
  ERNIE_TRY(const auto traces, trace_requests(*engine, changed, Arrival::kTogether, 0));
  canary.found = compare(expected, traces);
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

Result<std::vector<RequestTrace>> trace_requests(Engine& engine,
                                                 const std::vector<GenerationRequest>& requests,
                                                 Arrival arrival, uint64_t order_seed) {
  Tracer tracer(engine, requests);
  std::vector<size_t> order = random_order(requests.size(), order_seed);
  if (arrival != Arrival::kRandom) std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    ERNIE_TRY_VOID(tracer.add(order[i]));
    if (arrival == Arrival::kAlone) tracer.run_to_end();
    if (arrival != Arrival::kRandom) continue;
    const double draw = philox_uniform(order_seed, kOrderStream, i + requests.size() + 1);
    for (int step = 0; step < static_cast<int>(draw * 5); ++step) tracer.step();
  }
  tracer.run_to_end();
  return tracer.take();
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
