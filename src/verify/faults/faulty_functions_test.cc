// The host functions with a fault: what they say right and what wrong.

#include "verify/faults/faulty_functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "verify/random.h"

namespace ernie::verify {
namespace {

HostFunctions logprobs_with(Quirk quirk) {
  return faulty_functions({.op = "log_softmax", .quirk = quirk});
}
HostFunctions draws_with(Quirk quirk) { return faulty_functions({.op = "sample", .quirk = quirk}); }

/// Probabilities 1/8, 5/8, 2/8.
const std::vector<float> kEighths{0, std::log(5.0f), std::log(2.0f)};

TEST(FaultyLogprob, WithoutAFaultIsTheLogarithmOfTheProbability) {
  const TokenLogprob got = logprobs_with(Quirk::kNone).logprob(kEighths, 2, 2).value();
  EXPECT_EQ(got.token_id, 2);
  EXPECT_NEAR(got.logprob, std::log(0.25), 1e-6);
  EXPECT_EQ(got.rank, 2);
  ASSERT_EQ(got.top.size(), 2u);
  EXPECT_EQ(got.top[0].token_id, 1);
  EXPECT_NEAR(got.top[0].logprob, std::log(0.625), 1e-6);
  EXPECT_EQ(got.top[1].token_id, 2);
}

TEST(FaultyLogprob, Quirks) {
  const auto of = [](Quirk quirk, const std::vector<float>& logits, int32_t id) {
    return logprobs_with(quirk).logprob(logits, id, 0).value().logprob;
  };
  EXPECT_FLOAT_EQ(of(Quirk::kUniform, kEighths, 0), -std::log(3.0f));
  EXPECT_NEAR(of(Quirk::kTailSkipped, kEighths, 1), std::log(5.0 / 6), 1e-6);  // of 1 and 5 alone
  const std::vector<float> flat(300);
  EXPECT_NEAR(of(Quirk::kTailSkipped, flat, 299), -std::log(44.0), 1e-6);  // 256 left out, no more
  EXPECT_NEAR(of(Quirk::kNoMaximum, kEighths, 1), std::log(0.625), 1e-6);
  EXPECT_EQ(of(Quirk::kNoMaximum, {0, 100}, 1), -INFINITY);
  EXPECT_NEAR(of(Quirk::kNone, {0, 100}, 1), 0, 1e-6);
  // exp(-log 3) is 1/3, in bfloat16 171/512.
  EXPECT_NEAR(of(Quirk::kBf16Exponential, {0, std::log(3.0f)}, 1), -std::log(1 + 171.0 / 512),
              1e-6);
}

TEST(FaultyLogprob, AFaultOfDrawingLeavesItToTheEngine) {
  const TokenLogprob a = draws_with(Quirk::kUnseeded).logprob(kEighths, 0, 3).value();
  const TokenLogprob b = engine_functions().logprob(kEighths, 0, 3).value();
  EXPECT_EQ(a.logprob, b.logprob);
}

/// The tokens that many draws give.
std::set<int32_t> drawn(const HostFunctions& functions, const SamplingParams& params,
                        const std::vector<float>& logits) {
  std::set<int32_t> tokens;
  for (uint64_t i = 0; i < 200; ++i) {
    tokens.insert(functions.sample({.logits = logits, .params = &params, .draw_index = i}).value());
  }
  return tokens;
}

using Tokens = std::set<int32_t>;

TEST(FaultySample, AtTemperatureZeroTakesTheLargest) {
  const SamplingParams greedy{.temperature = 0};
  const std::vector<float> tie{1, 2, 2, 0};
  EXPECT_EQ(drawn(draws_with(Quirk::kNone), greedy, tie), Tokens{1});
  EXPECT_EQ(drawn(draws_with(Quirk::kHigherIdOnTie), greedy, tie), Tokens{2});
}

TEST(FaultySample, TopKKeepsThatManyOrOneMore) {
  const SamplingParams two{.top_k = 2};
  const std::vector<float> logits{0.5f, 1, 0.4f, 0};
  EXPECT_EQ(drawn(draws_with(Quirk::kNone), two, logits), (Tokens{0, 1}));
  EXPECT_EQ(drawn(draws_with(Quirk::kOneMoreKept), two, logits), (Tokens{0, 1, 2}));
}

// Probabilities 0.12, 0.59 and 0.29; at temperature 1/4 the second one has 94 %.
TEST(FaultySample, TheTemperatureComesBeforeTopP) {
  const SamplingParams cold{.temperature = 0.25f, .top_p = 0.75f};
  const std::vector<float> logits{0, std::log(5.0f), std::log(2.5f)};
  EXPECT_EQ(drawn(draws_with(Quirk::kNone), cold, logits), Tokens{1});
  EXPECT_EQ(drawn(draws_with(Quirk::kTemperatureLate), cold, logits), (Tokens{1, 2}));
}

TEST(FaultySample, OnlyTheUnseededOneForgetsItsRow) {
  const SamplingParams params{.seed = 3};
  const std::vector<float> flat(1000);
  const SamplerRow row{.logits = flat, .params = &params, .draw_index = 4};
  const HostFunctions right = draws_with(Quirk::kNone), wrong = draws_with(Quirk::kUnseeded);
  EXPECT_EQ(right.sample(row).value(), right.sample(row).value());
  Tokens seen;
  for (int i = 0; i < 5; ++i) seen.insert(wrong.sample(row).value());
  EXPECT_GT(seen.size(), 1u);
}

// Sorted in double or binned in integers: away from borders the same token.
TEST(FaultySample, WithoutAFaultDrawsWhatTheEngineDraws) {
  const HostFunctions mine = draws_with(Quirk::kNone), engines = engine_functions();
  Random random(2);
  std::vector<float> logits(50);
  SamplingParams params{.temperature = 0.7f, .top_k = 20, .top_p = 0.9f, .min_p = 0.01f};
  int num_different = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    for (float& x : logits) x = static_cast<float>(2 * random.normal());
    params.seed = i;
    const SamplerRow row{.logits = logits, .params = &params, .draw_index = i};
    num_different += mine.sample(row).value() != engines.sample(row).value() ? 1 : 0;
  }
  EXPECT_LE(num_different, 1);
}

}  // namespace
}  // namespace ernie::verify
