// The judge of a model, on passes of a dense model of two layers that were written down by hand.

#include "verify/model/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace ernie::verify::model {
namespace {

CheckContext dense_context() {
  CheckContext context;
  context.config.num_layers = 2;
  context.config.hidden_size = 2;
  context.config.num_heads = context.config.num_kv_heads = 1;
  context.config.head_dim = 2;
  context.config.intermediate_size = 4;
  context.config.vocab_size = 3;
  context.config.num_experts = 0;
  context.router_bias.resize(2);
  return context;
}

const TapPoint kEmbedding{-1, Tap::kEmbedding}, kFirst{0, Tap::kLayer}, kSecond{1, Tap::kLayer},
    kAttention{1, Tap::kAttention}, kLogits{2, Tap::kLogits};

/// Two tokens. The device computes the very truth.
PromptRuns exact_runs() {
  PassTrace pass{{1, 2}, {0, 1}, {}};
  const Values hidden{2, 2, {1, -2, 3, 0.5}};
  for (const TapPoint& point : {kEmbedding, TapPoint{0, Tap::kAttention}, kFirst, kAttention,
                                kSecond, TapPoint{2, Tap::kFinalNorm}}) {
    pass.taps[point] = hidden;
  }
  pass.taps[kLogits] = {2, 3, {1, 2, 3, 6, 5, 4}};
  return {.truth = {pass, std::nullopt}, .free = pass, .alone = pass, .noisy = pass};
}

ModelCheck judged(const PromptRuns& runs) {
  ModelJudge judge(dense_context());
  judge.add(runs);
  return judge.verdict();
}

const PointResult& at(const ModelCheck& check, const TapPoint& point) {
  return *std::ranges::find(check.points, point, &PointResult::point);
}

TEST(ModelJudge, TheVeryTruthPasses) {
  const ModelCheck check = judged(exact_runs());
  EXPECT_TRUE(check.passed);
  EXPECT_EQ(check.num_prompts, 1);
  EXPECT_EQ(check.num_tokens, 2);
  EXPECT_EQ(check.points.size(), 7u);
  EXPECT_EQ(check.num_comparisons, 6 * 4 + 6);
  EXPECT_EQ(check.distribution.num_tokens, 2);
  EXPECT_EQ(check.distribution.num_predicted, 1) << "the first token is not predicted";
  EXPECT_FALSE(check.departure);
}

TEST(ModelJudge, NothingComparedIsNothingPassed) {
  EXPECT_FALSE(ModelJudge(dense_context()).verdict().passed);
}

TEST(ModelJudge, AStageThatIsWrongByItselfIsNamed) {
  PromptRuns runs = exact_runs();
  runs.alone.taps.at(kAttention).data[2] += 0.01;
  const ModelCheck check = judged(runs);
  EXPECT_FALSE(check.passed);
  EXPECT_EQ(check.departure, kAttention);
  EXPECT_EQ(at(check, kAttention).alone.worst_row, 1);
  EXPECT_TRUE(at(check, kSecond).failures.empty()) << "it was given the truth";
}

// A recording may leave points out. What follows from them cannot be judged alone.
TEST(ModelJudge, AStageWithoutItsInputsIsNotJudged) {
  PromptRuns runs = exact_runs();
  runs.truth.truth.taps.erase(kAttention);
  runs.alone.taps.at(kSecond).data[0] = 100;
  const ModelCheck check = judged(runs);
  EXPECT_EQ(at(check, kSecond).alone.num_values, 0);
  EXPECT_EQ(check.num_comparisons, 4 * 4 + 6);
  EXPECT_TRUE(check.passed);
  EXPECT_EQ(check.points.size(), 6u);
}

// The yardstick: errors of the budgets' size have moved the layer by 0.001 of 3 in one value.
TEST(ModelJudge, TheWholePassMayBeThreeYardsticksOff) {
  PromptRuns runs = exact_runs();
  const auto check_with = [&](double error) {
    runs.free = exact_runs().free;
    runs.free.taps.at(kSecond).data[2] += error;
    runs.noisy = runs.free;
    runs.noisy.taps.at(kSecond).data[2] += 0.001;
    return judged(runs);
  };
  EXPECT_FALSE(at(check_with(0.0029), kSecond).departs);
  const ModelCheck check = check_with(0.0031);
  EXPECT_TRUE(at(check, kSecond).departs);
  EXPECT_FALSE(check.passed);
  EXPECT_EQ(check.departure, kSecond);
}

// What is not a number is no nearer to the truth for being so under errors, too.
TEST(ModelJudge, AnInfiniteYardstickExcusesNothing) {
  PromptRuns runs = exact_runs();
  runs.free.taps.at(kSecond).data[2] = NAN;
  runs.noisy.taps.at(kSecond).data[2] = NAN;
  const ModelCheck check = judged(runs);
  EXPECT_TRUE(at(check, kSecond).departs);
  EXPECT_EQ(check.departure, kSecond);
}

TEST(ModelJudge, GrowthIsFromLayerToLayer) {
  PromptRuns runs = exact_runs();
  runs.free.taps.at(kFirst).data[0] += 0.001;
  runs.free.taps.at(kSecond).data[0] += 0.004;
  const ModelCheck check = judged(runs);
  EXPECT_EQ(at(check, kFirst).growth, 0) << "there is none before it";
  EXPECT_NEAR(at(check, kSecond).growth, 4, 1e-9);
}

TEST(ModelJudge, PromptsAddUp) {
  ModelJudge judge(dense_context());
  judge.add(exact_runs());
  PromptRuns wrong = exact_runs();
  wrong.alone.taps.at(kLogits).data[5] = 5;
  judge.add(wrong);
  const ModelCheck check = judge.verdict();
  EXPECT_EQ(check.num_prompts, 2);
  EXPECT_EQ(check.num_comparisons, 2 * (6 * 4 + 6));
  EXPECT_EQ(check.departure, kLogits);
}

TEST(ModelJudge, TheOriginalIsMeasuredWhereItIsRecorded) {
  PromptRuns runs = exact_runs();
  EXPECT_LT(at(judged(runs), kLogits).original_l2, 0);
  runs.truth.original.emplace();
  runs.truth.original->taps[kLogits] = {2, 3, {1, 2, 3, 6, 5, 4.5}};
  const ModelCheck check = judged(runs);
  EXPECT_DOUBLE_EQ(at(check, kLogits).original_abs, 0.5);
  EXPECT_DOUBLE_EQ(at(check, kLogits).original_l2, 0.5 / std::sqrt(91.0));
  EXPECT_LT(at(check, kSecond).original_l2, 0);
  ASSERT_TRUE(check.original);
  EXPECT_GT(check.original->kl_mean, 0);
}

TEST(ModelCanary, IsCaughtWhereverTheSeedPutsIt) {
  const ModelCheck green = judged(exact_runs());
  std::set<TapPoint> places;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const ValueCanary canary = try_canary(dense_context(), exact_runs(), green, seed);
    EXPECT_TRUE(canary.caught) << to_string(canary.point);
    EXPECT_GT(canary.change, 0);
    places.insert(canary.point);
  }
  EXPECT_EQ(places.size(), 7u);
}

TEST(ModelCanary, OfNothingJudgedIsNotCaught) {
  EXPECT_FALSE(try_canary(dense_context(), exact_runs(), ModelCheck(), 1).caught);
}

}  // namespace
}  // namespace ernie::verify::model
