#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "backend/registry.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"

namespace ernie {
namespace {

constexpr int64_t kVocab = 320;

struct Answer {
  std::vector<TokenId> token_ids;
  std::vector<float> logprobs;  // of the chosen tokens and their alternatives
  std::vector<float> prompt_logprobs;
  std::optional<FinishReason> finish_reason;
  std::string error;
  friend bool operator==(const Answer&, const Answer&) = default;
};

std::unique_ptr<Engine> make_engine(const EngineOptions& options, int num_threads = 2) {
  auto backend = make_backend("cpu", {.dtype = DType::kBF16, .num_threads = num_threads}).value();
  auto weights = open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value();
  return Engine::create(std::move(backend), *weights, nullptr, options).value();
}

EngineOptions small_options() {
  EngineOptions options;
  options.max_model_len = 96;
  options.max_num_seqs = 4;
  options.max_num_batched_tokens = 32;
  options.block_size = 4;
  return options;
}

GenerationRequest make_request(uint64_t seed) {
  GenerationRequest request;
  const auto length = 1 + static_cast<int64_t>(philox_uniform(seed, 1, 0) * 40);
  for (int64_t i = 0; i < length; ++i) {
    request.prompt_ids.push_back(
        static_cast<TokenId>(philox_uniform(seed, 2, static_cast<uint64_t>(i)) * kVocab));
  }
  request.params.max_tokens = 1 + static_cast<int32_t>(philox_uniform(seed, 3, 0) * 30);
  request.params.ignore_eos = true;
  request.params.seed = seed;
  request.params.temperature = seed % 3 == 0 ? 0.0f : 0.9f;
  request.params.top_p = 0.95f;
  request.params.repetition_penalty = seed % 2 == 0 ? 1.0f : 1.2f;
  request.params.logprobs = 3;
  if (seed % 2 == 0) request.params.prompt_logprobs = 2;
  return request;
}

void collect(const RequestOutput& output, Answer& answer) {
  const auto add = [](const std::vector<TokenLogprob>& from, std::vector<float>& to) {
    for (const TokenLogprob& l : from) {
      to.push_back(l.logprob);
      for (const auto& top : l.top) to.push_back(top.logprob);
    }
  };
  answer.token_ids.insert(answer.token_ids.end(), output.token_ids.begin(), output.token_ids.end());
  add(output.logprobs, answer.logprobs);
  add(output.prompt_logprobs, answer.prompt_logprobs);
  EXPECT_FALSE(answer.finish_reason.has_value()) << "news after the end";
  answer.finish_reason = output.finish_reason;
  answer.error = output.error;
}

std::map<RequestId, Answer> run_to_end(Engine& engine) {
  std::map<RequestId, Answer> answers;
  while (engine.has_unfinished()) {
    for (const RequestOutput& output : engine.step()) collect(output, answers[output.request_id]);
  }
  return answers;
}

Answer answer_alone(Engine& engine, GenerationRequest request) {
  const RequestId id = engine.add_request(std::move(request)).value();
  return run_to_end(engine).at(id);
}

TEST(Engine, AnswersBitForBitTheSameInAnyCompany) {
  constexpr uint64_t kRequests = 24;
  const auto alone = make_engine(small_options());
  std::vector<Answer> want;
  for (uint64_t r = 0; r < kRequests; ++r) want.push_back(answer_alone(*alone, make_request(r)));
  EXPECT_NE(want[0], want[1]);

  EngineOptions tiny_chunks = small_options(), little_cache = small_options(),
                wide = small_options();
  tiny_chunks.max_num_batched_tokens = 5;
  little_cache.kv_cache_bytes = 96 * 512 + 4 * 512;  // one context and a bit: constant preemption
  wide.max_num_seqs = 32;
  wide.block_size = 16;
  for (const auto& [options, threads] : {std::pair{tiny_chunks, 1}, {little_cache, 2}, {wide, 3}}) {
    const auto engine = make_engine(options, threads);
    std::map<RequestId, uint64_t> request_of;
    for (uint64_t r = 0; r < kRequests; ++r)
      request_of[engine->add_request(make_request(r)).value()] = r;
    const auto got = run_to_end(*engine);
    ASSERT_EQ(got.size(), kRequests);
    for (const auto& [id, answer] : got)
      EXPECT_EQ(answer, want[request_of[id]]) << "request " << request_of[id];
  }
}

/// Prompts that begin as another's prompt, or as another's prompt and answer.
std::vector<GenerationRequest> requests_with_shared_beginnings(Engine& engine) {
  std::vector<GenerationRequest> requests;
  for (uint64_t r = 0; r < 24; ++r) {
    GenerationRequest request = make_request(r);
    if (r % 4 != 0) request.params.prompt_logprobs.reset();
    if (r >= 3) {
      std::vector<TokenId> ids = requests[r - 3].prompt_ids;
      if (r % 2 == 0) {
        const std::vector<TokenId> answer = answer_alone(engine, requests[r - 3]).token_ids;
        ids.insert(ids.end(), answer.begin(), answer.end());
      }
      ids.resize(std::min<size_t>(ids.size(), 60));
      ids.insert(ids.end(), request.prompt_ids.begin(), request.prompt_ids.begin() + 1);
      request.prompt_ids = std::move(ids);
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

TEST(Engine, AnswersBitForBitTheSameFromThePrefixCache) {
  EngineOptions without = small_options();
  without.enable_prefix_caching = false;
  const auto plain = make_engine(without);
  const auto requests = requests_with_shared_beginnings(*plain);
  std::vector<Answer> want;
  for (const GenerationRequest& request : requests) want.push_back(answer_alone(*plain, request));
  EXPECT_EQ(plain->counters().num_cached_tokens, 0);

  EngineOptions alone = small_options(), little = small_options(), wide = small_options(),
                parts = small_options();
  alone.max_num_seqs = 1;
  little.kv_cache_bytes = 96 * 512 + 8 * 512;  // blocks are forgotten all the time
  wide.block_size = 1;
  parts.block_size = 32;  // hardly a whole block is shared
  for (const EngineOptions& options : {alone, little, wide, parts}) {
    const auto engine = make_engine(options);
    for (int round = 0; round < 2; ++round) {  // the second finds what the first one left
      std::map<RequestId, size_t> request_of;
      for (size_t r = 0; r < requests.size(); ++r) {
        request_of[engine->add_request(requests[r]).value()] = r;
      }
      for (const auto& [id, answer] : run_to_end(*engine)) {
        EXPECT_EQ(answer, want[request_of[id]]) << "request " << request_of[id];
      }
    }
    EXPECT_GT(engine->counters().num_cached_tokens, 100);
    EXPECT_LT(engine->counters().num_computed_tokens, 2 * plain->counters().num_computed_tokens);
  }
}

TEST(Engine, SeveralAnswersToOnePromptComputeItOnce) {
  for (const bool caches : {false, true}) {
    EngineOptions options = small_options();
    options.enable_prefix_caching = caches;
    const auto engine = make_engine(options);
    std::vector<Answer> want;
    const auto request = [](uint64_t seed) {
      GenerationRequest one = make_request(3);  // without prompt log-probabilities
      one.prompt_ids.assign(39, 0);
      for (size_t i = 0; i < 39; ++i) one.prompt_ids[i] = static_cast<TokenId>(7 * i % kVocab);
      one.params.temperature = 1;
      one.params.seed = seed;
      one.params.max_tokens = 1 + static_cast<int32_t>(seed);
      return one;
    };
    {
      const auto alone = make_engine(options);
      for (uint64_t r = 0; r < 6; ++r) want.push_back(answer_alone(*alone, request(r)));
    }
    std::map<RequestId, uint64_t> request_of;
    for (uint64_t r = 0; r < 6; ++r) request_of[engine->add_request(request(r)).value()] = r;
    std::map<RequestId, Answer> answers;
    std::map<RequestId, int64_t> num_cached;
    while (engine->has_unfinished()) {
      for (const RequestOutput& output : engine->step()) {
        collect(output, answers[output.request_id]);
        if (output.finish_reason) num_cached[output.request_id] = output.num_cached_tokens;
      }
    }
    for (const auto& [id, r] : request_of) {
      EXPECT_EQ(answers[id], want[r]) << "request " << r;
      // Nine full blocks of four; with a cache, two tokens of the tenth when an answer has filled
      // it.
      EXPECT_GE(num_cached[id], r == 0 ? 0 : 36);
      EXPECT_LE(num_cached[id], r == 0 ? 0 : caches ? 38 : 36);
    }
    // Prompts: 39 and five times the rest. The last token of an answer is not computed.
    const int64_t most = 39 + 5 * 3 + (0 + 1 + 2 + 3 + 4 + 5);
    EXPECT_GE(engine->counters().num_computed_tokens, caches ? most - 5 * 2 : most);
    EXPECT_LE(engine->counters().num_computed_tokens, most);
    EXPECT_EQ(engine->counters().num_used_blocks, 0);
  }
}

TEST(Engine, CountsWhatThePrefixCacheIsAskedFor) {
  const auto engine = make_engine(small_options());
  GenerationRequest request = make_request(3);
  request.prompt_ids.assign(10, 5);
  request.params.max_tokens = 2;
  const RequestId first = engine->add_request(request).value();
  EXPECT_EQ(engine->counters().num_waiting, 1);
  std::vector<RequestOutput> outputs = engine->step();
  EXPECT_EQ(engine->counters().num_waiting, 0);
  EXPECT_EQ(engine->counters().num_running, 1);
  EXPECT_EQ(engine->counters().num_used_blocks, 3);
  EXPECT_EQ(engine->counters().num_blocks, 4 * 24);
  run_to_end(*engine);
  const RequestId second = engine->add_request(request).value();
  EXPECT_NE(first, second);
  for (const RequestOutput& output : engine->step()) merge(outputs.emplace_back(), output);
  for (const RequestOutput& output : engine->step()) merge(outputs.emplace_back(), output);
  EXPECT_EQ(outputs.back().num_cached_tokens, 8);
  EXPECT_EQ(engine->counters().num_prefix_queries, 20);
  EXPECT_EQ(engine->counters().num_prefix_hits, 8);
  request.params.prompt_logprobs = 0;
  answer_alone(*engine, request);
  EXPECT_EQ(engine->counters().num_prefix_queries, 20) << "it is not looked up";
}

// What it was preempted for counts neither as waiting nor as cached.
TEST(Engine, TimesAndCachedTokensAreThoseOfTheFirstAdmission) {
  EngineOptions options = small_options();
  options.kv_cache_bytes = 96 * 512 + 4 * 512;
  const auto engine = make_engine(options);
  for (uint64_t r = 0; r < 12; ++r) {
    GenerationRequest request = make_request(r);
    request.params.max_tokens = 40;
    request.params.prompt_logprobs.reset();
    engine->add_request(std::move(request)).value();
  }
  while (engine->has_unfinished()) {
    for (const RequestOutput& output : engine->step()) {
      if (!output.finish_reason) continue;
      EXPECT_LT(output.num_cached_tokens, output.num_prompt_tokens);
      EXPECT_GT(output.timings.queue_s, 0);
      EXPECT_GT(output.timings.first_token_s, output.timings.queue_s);
      EXPECT_GT(output.timings.total_s, output.timings.first_token_s);
    }
  }
  EXPECT_GT(engine->counters().num_preemptions, 0);
  EXPECT_GT(engine->counters().num_cached_tokens, engine->counters().num_prefix_hits)
      << "resumed sequences find their own";
}

TEST(Engine, LengthLimits) {
  const auto engine = make_engine(small_options());
  GenerationRequest request = make_request(2);
  request.params.prompt_logprobs.reset();
  request.params.logprobs.reset();
  const auto with = [&](size_t prompt_length, int32_t max_tokens) {
    request.prompt_ids.assign(prompt_length, 5);
    request.params.max_tokens = max_tokens;
    return request;
  };
  const Answer one = answer_alone(*engine, with(3, 1));
  EXPECT_EQ(one.token_ids.size(), 1u);
  EXPECT_EQ(one.finish_reason, FinishReason::kLength);

  const Answer none = answer_alone(*engine, with(40, 0));
  EXPECT_TRUE(none.token_ids.empty());
  EXPECT_EQ(none.finish_reason, FinishReason::kLength);

  const Answer cut = answer_alone(*engine, with(90, 1000));
  EXPECT_EQ(cut.token_ids.size(), 6u) << "ends at max_model_len";
  EXPECT_EQ(answer_alone(*engine, with(95, 1000)).token_ids.size(), 1u);
  EXPECT_EQ(answer_alone(*engine, with(96, 0)).finish_reason, FinishReason::kLength);
  EXPECT_FALSE(engine->add_request(with(96, 1)));
  EXPECT_FALSE(engine->add_request(with(97, 0)));
  EXPECT_FALSE(engine->has_unfinished()) << "a refused request leaves nothing behind";
}

TEST(Engine, RefusesBadRequestsWithAReason) {
  const auto engine = make_engine(small_options());
  const auto message = [&](auto change) {
    GenerationRequest request = make_request(1);
    change(request);
    const auto result = engine->add_request(std::move(request));
    return result ? std::string("accepted") : result.error().message;
  };
  EXPECT_EQ(message([](auto& r) { r.prompt_ids.clear(); }),
            "prompt: got no tokens, expected at least 1");
  EXPECT_EQ(message([](auto& r) { r.prompt_ids[0] = 320; }),
            "prompt: token 0: got id 320, expected 0 to 319");
  EXPECT_EQ(message([](auto& r) { r.prompt_ids[0] = -1; }),
            "prompt: token 0: got id -1, expected 0 to 319");
  EXPECT_NE(message([](auto& r) { r.params.temperature = NAN; }), "accepted");
  EXPECT_NE(message([](auto& r) { r.params.stop_token_ids = {320}; }), "accepted");
  EXPECT_NE(message([](auto& r) { r.params.stop = {"x"}; }), "accepted") << "there is no tokenizer";
  EXPECT_FALSE(engine->has_unfinished());
}

TEST(Engine, AbortEndsOneRequestAndLeavesTheOthers) {
  const auto engine = make_engine(small_options());
  const Answer want = answer_alone(*engine, make_request(3));
  GenerationRequest long_request = make_request(4);
  long_request.params.max_tokens = 50;
  const RequestId aborted = engine->add_request(long_request).value();
  const RequestId kept = engine->add_request(make_request(3)).value();
  std::map<RequestId, Answer> answers;
  for (int i = 0; engine->has_unfinished(); ++i) {
    if (i == 3) engine->abort(aborted);
    for (const RequestOutput& output : engine->step()) collect(output, answers[output.request_id]);
  }
  EXPECT_EQ(answers[aborted].finish_reason, FinishReason::kAbort);
  EXPECT_LT(answers[aborted].token_ids.size(), 50u);
  EXPECT_EQ(answers[kept], want);
  engine->abort(aborted);  // long gone: ignored
  engine->abort(12345);
  EXPECT_TRUE(engine->step().empty());
}

TEST(Engine, AnEndTokenStopsUnlessIgnoredOrTooEarly) {
  const auto engine = make_engine(small_options());
  GenerationRequest request = make_request(6);
  request.params = {.temperature = 0, .max_tokens = 20, .ignore_eos = true};
  const Answer free = answer_alone(*engine, request);
  ASSERT_EQ(free.token_ids.size(), 20u);

  request.params.stop_token_ids = {free.token_ids[4]};
  const Answer stopped = answer_alone(*engine, request);
  EXPECT_EQ(stopped.finish_reason, FinishReason::kStop);
  EXPECT_LE(stopped.token_ids.size(), 5u);
  EXPECT_EQ(stopped.token_ids.back(), free.token_ids[4]);

  request.params.min_tokens = 10;
  const Answer later = answer_alone(*engine, request);
  EXPECT_GE(later.token_ids.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_NE(later.token_ids[i], free.token_ids[4]) << i;
}

/// Weights of which one row of the embedding is NaN: any sequence with that token gets NaN logits.
class PoisonedWeights final : public WeightSource {
 public:
  explicit PoisonedWeights(TokenId token) : token_(token) {}
  const ModelConfig& config() const override { return real_->config(); }
  std::string describe() const override { return "poisoned"; }
  Result<HostMatrix> read(const std::string& name) const override {
    ERNIE_TRY(const HostMatrix matrix, real_->read(name));
    if (name != "model.embed_tokens.weight") return matrix;
    HostTensor copy = matrix.to_tensor(DType::kF32);
    copy.mutable_values<float>()[static_cast<size_t>(token_ * matrix.num_columns())] =
        std::numeric_limits<float>::quiet_NaN();
    return HostMatrix(copy.converted(DType::kBF16));
  }

 private:
  std::unique_ptr<WeightSource> real_ =
      open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_untied").value();
  TokenId token_;
};

TEST(Engine, NeedsNoWeightSourceOnceItIsMade) {
  const auto make = [](bool map_weights) {
    // The source ends with the call; what is mapped must stay.
    return Engine::create(
               make_backend("cpu", {.num_threads = 1, .map_weights = map_weights}).value(),
               *open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value(), nullptr,
               small_options())
        .value();
  };
  const auto mapped = make(true), copied = make(false);
  EXPECT_EQ(mapped->config().architecture, "Ernie4_5_MoeForCausalLM");
  EXPECT_EQ(answer_alone(*mapped, make_request(9)), answer_alone(*copied, make_request(9)));
}

TEST(Engine, UnusableLogitsEndOneRequestAndLeaveTheOthers) {
  const auto make = [](std::unique_ptr<WeightSource> weights) {
    return Engine::create(make_backend("cpu", {.num_threads = 1}).value(), *weights, nullptr,
                          small_options())
        .value();
  };
  constexpr TokenId kPoison = 17;
  const auto engine = make(std::make_unique<PoisonedWeights>(kPoison));
  GenerationRequest good = make_request(9), bad = make_request(10);
  for (TokenId& id : good.prompt_ids) id = id == kPoison ? 1 : id;
  bad.prompt_ids[0] = kPoison;
  good.params.logit_bias = {{kPoison, -100.0f}};
  const Answer want = answer_alone(*engine, good);
  ASSERT_EQ(want.finish_reason, FinishReason::kLength);

  const RequestId bad_id = engine->add_request(bad).value();
  const RequestId good_id = engine->add_request(good).value();
  const auto answers = run_to_end(*engine);
  EXPECT_EQ(answers.at(bad_id).finish_reason, FinishReason::kError);
  EXPECT_FALSE(answers.at(bad_id).error.empty());
  EXPECT_EQ(answers.at(good_id), want);
}

/// The output is one of the given sequences of tokens.
class SequencesConstraint final : public TokenConstraint {
 public:
  explicit SequencesConstraint(std::vector<std::vector<TokenId>> sequences)
      : sequences_(std::move(sequences)) {}

  void restrict_to_allowed(std::span<uint64_t> allowed) override {
    EXPECT_EQ(allowed.size(), static_cast<size_t>(kVocab + 63) / 64);
    std::vector<uint64_t> next(allowed.size());
    for (const auto& s : sequences_) {
      if (s.size() > taken_) next[static_cast<size_t>(s[taken_]) / 64] |= 1ull << s[taken_] % 64;
    }
    for (size_t i = 0; i < next.size(); ++i) allowed[i] &= next[i];
  }
  bool can_end() const override {
    return std::any_of(sequences_.begin(), sequences_.end(),
                       [this](const auto& s) { return s.size() == taken_; });
  }
  bool accept(TokenId token) override {
    std::erase_if(sequences_,
                  [&](const auto& s) { return s.size() <= taken_ || s[taken_] != token; });
    ++taken_;
    return !sequences_.empty();
  }

 private:
  std::vector<std::vector<TokenId>> sequences_;
  size_t taken_ = 0;
};

GenerationRequest constrained_request(uint64_t seed, std::vector<std::vector<TokenId>> sequences) {
  GenerationRequest request = make_request(seed);
  request.params.max_tokens = 20;
  request.params.ignore_eos = false;
  request.constraint = std::make_shared<SequencesConstraint>(std::move(sequences));
  return request;
}

TEST(Engine, AConstraintDecidesWhatIsDrawn) {
  const auto engine = make_engine(small_options());
  const TokenId end = engine->config().eos_token_ids.at(0);
  const std::vector<TokenId> first = {300, 5, 7, 9}, second = {300, 6};
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Answer answer = answer_alone(*engine, constrained_request(seed, {first, second}));
    std::vector<TokenId> ids = answer.token_ids;
    EXPECT_EQ(answer.finish_reason, FinishReason::kStop) << answer.error;
    ASSERT_FALSE(ids.empty());
    EXPECT_EQ(ids.back(), end) << "the end is drawn like any token";
    ids.pop_back();
    EXPECT_TRUE(ids == first || ids == second) << seed;
  }
  GenerationRequest greedy = constrained_request(0, {first});
  greedy.params = {.temperature = 0, .max_tokens = 3};
  const Answer cut = answer_alone(*engine, greedy);
  EXPECT_EQ(cut.token_ids, std::vector<TokenId>({300, 5, 7})) << "not the likeliest of all tokens";
  EXPECT_EQ(cut.finish_reason, FinishReason::kLength);
}

TEST(Engine, AConstraintEndsWhereNothingCanFollow) {
  const auto engine = make_engine(small_options());
  const TokenId end = engine->config().eos_token_ids.at(0);
  GenerationRequest request = constrained_request(1, {{4, 5}});
  request.params.ignore_eos = true;
  Answer answer = answer_alone(*engine, request);
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop) << "complete, and no end token to draw";
  EXPECT_EQ(answer.token_ids, std::vector<TokenId>({4, 5}));

  request = constrained_request(1, {{4, 5}});
  request.params.min_tokens = 10;
  answer = answer_alone(*engine, request);
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop) << "min_tokens cannot be kept";
  EXPECT_EQ(answer.token_ids, std::vector<TokenId>({4, 5}));

  request = constrained_request(1, {{4}, {4, 5, 6}});
  request.params.min_tokens = 2;
  answer = answer_alone(*engine, request);
  EXPECT_EQ(answer.token_ids, std::vector<TokenId>({4, 5, 6, end})) << "the early end is too early";

  request = constrained_request(1, {{4, 5, 6}});
  request.params.stop_token_ids = {5};
  answer = answer_alone(*engine, request);
  EXPECT_EQ(answer.token_ids, std::vector<TokenId>({4, 5})) << "a stop token that is allowed stops";
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop);

  request.constraint = std::make_shared<SequencesConstraint>(std::vector<std::vector<TokenId>>{});
  answer = answer_alone(*engine, request);
  EXPECT_EQ(answer.finish_reason, FinishReason::kError);
  EXPECT_EQ(answer.error, "constraint: no token can follow, and the output is not complete");
}

TEST(Engine, AConstraintIsItsRequestsAlone) {
  const auto engine = make_engine(small_options());
  std::vector<Answer> want;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    want.push_back(answer_alone(*engine, make_request(seed)));
    GenerationRequest constrained = constrained_request(seed, {{1, 2, 3}, {4, 300, 6, 7}});
    want.push_back(answer_alone(*engine, std::move(constrained)));
  }
  std::map<RequestId, size_t> request_of;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    request_of[engine->add_request(make_request(seed)).value()] = 2 * seed;
    request_of[engine->add_request(constrained_request(seed, {{1, 2, 3}, {4, 300, 6, 7}}))
                   .value()] = 2 * seed + 1;
    engine->add_request(constrained_request(seed, {})).value();  // fails
  }
  size_t num_failed = 0;
  for (const auto& [id, answer] : run_to_end(*engine)) {
    if (request_of.contains(id)) {
      EXPECT_EQ(answer, want[request_of[id]]);
    } else {
      num_failed += answer.finish_reason == FinishReason::kError;
    }
  }
  EXPECT_EQ(num_failed, 6u);
}

}  // namespace
}  // namespace ernie
