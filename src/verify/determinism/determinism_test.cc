#include "verify/determinism/determinism.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <set>

#include "checkpoint/checkpoint.h"
#include "verify/determinism/report.h"

namespace ernie::verify::determinism {
namespace {

constexpr DeterminismOptions kOptions{.num_requests = 8, .max_model_len = 64, .seed = 5};

Variant base_variant() {
  Variant base;
  base.backend = {.dtype = DType::kBF16, .num_threads = 2};
  base.engine.max_model_len = kOptions.max_model_len;
  return base;
}

Result<std::unique_ptr<Engine>> make_engine(const Variant& variant) {
  ERNIE_TRY(auto weights, open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared"));
  ERNIE_TRY(auto backend, make_backend("cpu", variant.backend));
  return Engine::create(std::move(backend), *weights, nullptr, variant.engine);
}

/// An engine that computes other requests than it was given.
class ChangingEngine : public Engine {
 public:
  using Change = std::function<void(GenerationRequest&)>;
  ChangingEngine(std::unique_ptr<Engine> engine, Change change)
      : engine_(std::move(engine)), change_(std::move(change)) {}
  const ModelConfig& config() const override { return engine_->config(); }
  const EngineOptions& options() const override { return engine_->options(); }
  const Backend& backend() const override { return engine_->backend(); }
  EngineLimits limits() const override { return engine_->limits(); }
  EngineCounters counters() const override { return engine_->counters(); }
  Result<RequestId> add_request(GenerationRequest request) override {
    change_(request);
    return engine_->add_request(std::move(request));
  }
  void abort(RequestId id) override { engine_->abort(id); }
  bool has_unfinished() const override { return engine_->has_unfinished(); }
  Result<void> health() const override { return {}; }
  std::vector<RequestOutput> step() override { return engine_->step(); }

 private:
  std::unique_ptr<Engine> engine_;
  Change change_;
};

/// Changes the requests of those variants whose settings are these, or of all.
EngineFactory changing_factory(const std::string& settings, ChangingEngine::Change change) {
  return [=](const Variant& variant) -> Result<std::unique_ptr<Engine>> {
    ERNIE_TRY(auto engine, make_engine(variant));
    if (!settings.empty() && variant.settings != settings) return engine;
    return std::unique_ptr<Engine>(std::make_unique<ChangingEngine>(std::move(engine), change));
  };
}

DeterminismRun run_with(const EngineFactory& factory) {
  return *run_determinism(kOptions, base_variant(), "cpu", factory, {});
}

const VariantResult& variant_of(const DeterminismRun& run, const std::string& settings) {
  return *std::find_if(run.variants.begin(), run.variants.end(),
                       [&](auto& result) { return result.variant.settings == settings; });
}

TEST(Determinism, TheCpuDeviceIsTheSameInEveryVariant) {
  const DeterminismRun run = run_with(make_engine);
  EXPECT_TRUE(run.passed());
  EXPECT_GE(run.variants.size(), 16u);
  for (const VariantResult& result : run.variants) {
    EXPECT_TRUE(result.passed()) << result.variant.name.en << " " << result.variant.settings;
    EXPECT_EQ(result.num_tokens, run.variants[0].num_tokens);
  }
  EXPECT_GT(run.variants.back().counters.num_preemptions, 0);
  EXPECT_LT(variant_of(run, "max-num-seqs=8").counters.num_steps,
            run.variants[0].counters.num_steps);
  ASSERT_EQ(run.canaries.size(), 2u);
  for (const RequestCanary& canary : run.canaries) EXPECT_TRUE(canary.caught()) << canary.name.en;
}

TEST(Determinism, TheSmallestRunPreemptsToo) {
  for (const uint64_t seed : {1, 2, 3}) {
    const DeterminismOptions options{
        .num_requests = kMinRequests, .max_model_len = kMinModelLen, .seed = seed};
    Variant base = base_variant();
    base.engine.max_model_len = options.max_model_len;
    base.engine.max_num_seqs = 1;
    base.engine.max_num_batched_tokens = 1;
    const auto run = run_determinism(options, base, "cpu", make_engine, {});
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_TRUE(run->passed()) << seed;
  }
}

TEST(Determinism, AVariantThatDepartsIsNamedWithRequestAndToken) {
  std::optional<size_t> victim;
  const auto requests = random_requests(make_engine(base_variant()).value()->config(), kOptions);
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!victim && requests[i].params.logit_bias.empty()) victim = i;
  }
  // A logit that is never chosen differs: only the digest of the row can tell.
  const auto run = run_with(changing_factory("threads=3", [&](GenerationRequest& request) {
    if (request.prompt_ids != requests[*victim].prompt_ids) return;
    const auto original = request.on_token;
    request.on_token = [original](TokenId id, std::span<const float> logits) {
      std::vector<float> row(logits.begin(), logits.end());
      row[id == 0 ? 1 : 0] += 1;
      original(id, row);
    };
  }));
  EXPECT_FALSE(run.passed());
  for (const VariantResult& result : run.variants) {
    if (result.variant.settings != "threads=3") {
      EXPECT_TRUE(result.passed()) << result.variant.settings;
      continue;
    }
    ASSERT_EQ(result.departures.size(), 1u);
    EXPECT_EQ(result.departures[0].request, *victim);
    EXPECT_EQ(result.departures[0].token, 0u);
    EXPECT_EQ(result.departures[0].what, "row of logits");
  }
}

TEST(Determinism, AnotherSeedOfDrawingIsSeen) {
  const auto run = run_with(
      changing_factory("block-size=5", [](GenerationRequest& request) { ++request.params.seed; }));
  EXPECT_FALSE(run.passed());
  const VariantResult& result = variant_of(run, "block-size=5");
  ASSERT_FALSE(result.departures.empty());
  EXPECT_EQ(result.departures[0].what, "token");
}

TEST(Determinism, ACheckThatCannotTurnRedFails) {
  // Whatever the prompt, the same is computed, so the changed prompt goes unnoticed.
  const auto run = run_with(changing_factory("", [](GenerationRequest& request) {
    std::fill(request.prompt_ids.begin(), request.prompt_ids.end(), 7);
  }));
  for (const VariantResult& result : run.variants) EXPECT_TRUE(result.passed());
  EXPECT_TRUE(run.canaries[0].caught());
  EXPECT_FALSE(run.canaries[1].caught());
  EXPECT_FALSE(run.passed());
}

TEST(Determinism, AVariantThatCannotRunOrTestsNothingFails) {
  const auto run = run_with([](const Variant& variant) -> Result<std::unique_ptr<Engine>> {
    if (variant.settings == "threads=1") return Error{ErrorCode::kIo, "no threads today"};
    Variant roomy = variant;
    roomy.engine.kv_cache_bytes = 0;
    return make_engine(roomy);
  });
  EXPECT_EQ(variant_of(run, "threads=1").error->message, "no threads today");
  EXPECT_FALSE(variant_of(run, "threads=1").passed());
  EXPECT_FALSE(run.variants.back().passed()) << "nothing was preempted";
  EXPECT_FALSE(run.passed());
  const report::Report report = determinism_report(run);
  EXPECT_EQ(report.verdict, report::Verdict::kFail);
  EXPECT_EQ(report.sections[0].blocks.size(), 4u) << "a table, two problems, what was compared";
}

TEST(Determinism, EveryPartOfATraceIsCompared) {
  RequestTrace trace{{{1, 2, {}}, {3, 4, {}}}, {5}, "text", "stop", ""};
  const auto first_after = [&](const auto& change) {
    RequestTrace changed = trace;
    change(changed);
    const auto found = compare({trace, trace}, {trace, changed});
    return found.empty() ? ""
                         : fmt::format("{} {} {}", found[0].request, found[0].token, found[0].what);
  };
  EXPECT_EQ(first_after([](RequestTrace&) {}), "");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.tokens[1].token_id = 0; }), "1 1 token");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.tokens.pop_back(); }), "1 1 token");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.tokens.push_back({}); }), "1 2 token");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.tokens[0].logit_bits ^= 1; }), "1 0 logit");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.tokens[0].row_digest[7] = std::byte{1}; }),
            "1 0 row of logits");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.prompt_logprobs[0] ^= 1; }),
            "1 1 prompt log-probability");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.prompt_logprobs.clear(); }),
            "1 1 prompt log-probability");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.text += "x"; }), "1 2 text");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.finish_reason = "length"; }), "1 2 finish reason");
  EXPECT_EQ(first_after([](RequestTrace& t) { t.error = "x"; }), "1 2 finish reason");
}

/// Throws as an allocation in the middle of a check would.
void run_out_of_memory(std::vector<RequestTrace> traces) {
  for (RequestTrace& trace : traces) {
    trace.prompt_logprobs = {0, 1, 2};
    trace.text = "text that is too long to be kept inside of a string object";
  }
  if (!traces.empty()) throw std::bad_alloc();
}

// As Traces.OfTheModelAreFreedAsWhatTheyAre in verify/model/trace_test.cc.
TEST(Traces, OfRequestsAreFreedAsWhatTheyAre) {
  EXPECT_THROW(run_out_of_memory(std::vector<RequestTrace>(3)), std::bad_alloc);
}

TEST(DeterminismRequests, AreOfAllKindsAndValid) {
  ModelConfig config;
  config.vocab_size = 1000;
  for (const int64_t max_model_len : {16, 64, 256}) {
    const auto requests =
        random_requests(config, {.num_requests = 200, .max_model_len = max_model_len, .seed = 1});
    int num_greedy = 0, num_penalties = 0, num_single = 0;
    std::set<uint64_t> seeds;
    for (const GenerationRequest& request : requests) {
      ASSERT_TRUE(validate(request.params, config.vocab_size));
      const auto length = static_cast<int64_t>(request.prompt_ids.size());
      ASSERT_LE(length + request.params.max_tokens, max_model_len);
      ASSERT_GE(request.params.max_tokens, 1);
      num_greedy += request.params.temperature == 0;
      num_penalties += request.params.repetition_penalty != 1;
      num_single += length == 1;
      seeds.insert(request.params.seed);
    }
    EXPECT_GT(num_greedy, 20);
    EXPECT_GT(num_penalties, 20);
    EXPECT_GT(num_single, 10);
    EXPECT_EQ(seeds.size(), requests.size());
  }
}

}  // namespace
}  // namespace ernie::verify::determinism
