// The rules of a model's verdict, at their limits.

#include "verify/model/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ernie::verify::model {
namespace {

constexpr Arithmetic kWide{DType::kF32, DType::kF32, DType::kF32};
constexpr Arithmetic kStored{DType::kF32, DType::kBF16, DType::kF32};
constexpr Arithmetic kNarrow{DType::kBF16, DType::kBF16, DType::kBF16};

/// A green check of a model with one layer.
ModelCheck green() {
  ModelCheck check;
  check.num_comparisons = 10;
  check.points = {{.point = {0, Tap::kAttention}},
                  {.point = {0, Tap::kRouterLogits}},
                  {.point = {0, Tap::kRouted}},
                  {.point = {1, Tap::kLogits}}};
  check.points.back().yardstick_abs = 0.5;
  check.routing.resize(1);
  check.alike.num_tokens = 8;
  return check;
}

struct Rules {
  CheckContext context{.arithmetic = kStored};
  DistributionFigures noise;
  GoldenShares golden;
  std::vector<std::string> failed(const ModelCheck& check) const {
    std::vector<std::string> names;
    for (const Check& c : apply_rules(check, context, noise, golden)) {
      EXPECT_FALSE(c.words.en.empty() || c.words.zh.empty()) << c.name;
      if (!c.passed) names.push_back(c.name);
    }
    return names;
  }
  bool has(const ModelCheck& check, const std::string& name) const {
    return std::ranges::any_of(apply_rules(check, context, noise, golden),
                               [&](const Check& c) { return c.name == name; });
  }
};

using Names = std::vector<std::string>;

TEST(Rules, OneOfAKindIsEnoughToFail) {
  const Rules rules;
  EXPECT_EQ(rules.failed(green()), Names{});
  ModelCheck check = green();
  check.num_comparisons = 0;
  EXPECT_EQ(rules.failed(check), Names{"comparisons"});
  check = green();
  check.points[1].failures = {"l2"};
  EXPECT_EQ(rules.failed(check), Names{"stages"});
  check = green();
  check.points[2].departs = true;
  EXPECT_EQ(rules.failed(check), Names{"whole_pass"});
  check = green();
  check.routing[0].alone.num_wrong = 1;
  EXPECT_EQ(rules.failed(check), Names{"routing_alone"});
  check = green();
  check.routing[0].free.num_wrong = 1;
  EXPECT_EQ(rules.failed(check), Names{"routing"});
}

// KL grows with the square of an error: three yardsticks are nine times their divergence.
TEST(Rules, DivergenceMayBeNineTimesThatOfTheYardstick) {
  Rules rules;
  rules.noise.kl_mean = 1e-6;
  ModelCheck check = green();
  check.alike.kl_mean = 9e-6;
  EXPECT_EQ(rules.failed(check), Names{});
  check.alike.kl_mean = 9.01e-6;
  EXPECT_EQ(rules.failed(check), Names{"kl_mean"});
  check.alike.kl_mean = NAN;
  EXPECT_EQ(rules.failed(check), Names{"kl_mean"});
  // In float32 it is 1e-8 whatever the yardstick says.
  rules.context.arithmetic = kWide;
  check.alike.kl_mean = 1e-8;
  EXPECT_EQ(rules.failed(check), Names{});
  check.alike.kl_mean = 1.01e-8;
  EXPECT_EQ(rules.failed(check), Names{"kl_mean"});
  check.alike.num_tokens = 0;
  EXPECT_FALSE(rules.has(check, "kl_mean")) << "nothing is alike, nothing is said";
}

// Both logits of a pair may move by three yardsticks towards each other.
TEST(Rules, AnotherLikeliestTokenNeedsAMarginThatCanBeMoved) {
  const Rules rules;
  ModelCheck check = green();
  check.alike.largest_top1_margin = 3;
  EXPECT_EQ(rules.failed(check), Names{});
  check.alike.largest_top1_margin = 3.01;
  EXPECT_EQ(rules.failed(check), Names{"top1_margin"});
}

TEST(Rules, OfRecordingsHoldWhereTheDeviceComputesAsRecorded) {
  Rules rules;
  rules.context.is_golden = true;
  rules.golden = {.taps = 1.01, .logits = 1.01, .least_equal = 0.97};
  EXPECT_EQ(rules.failed(green()), Names{}) << "stored in bfloat16, recorded in float32";
  rules.context.arithmetic = kWide;
  EXPECT_EQ(rules.failed(green()), (Names{"golden_logits", "golden_taps"}));
  rules.context.arithmetic = kNarrow;
  EXPECT_EQ(rules.failed(green()), (Names{"golden_logits", "golden_taps", "golden_equal"}));
  rules.golden = {.taps = 1, .logits = 1, .least_equal = 0.98};
  EXPECT_EQ(rules.failed(green()), Names{});
  ModelCheck check = green();
  check.routing[0].free.num_different = 1;
  EXPECT_EQ(rules.failed(check), Names{"golden_experts"});
  rules.context.is_golden = false;
  EXPECT_EQ(rules.failed(check), Names{});
}

/// 2,000 tokens of which the original has 100 likeliest ones wrong.
ModelCheck with_original() {
  ModelCheck check = green();
  check.points.back().original_l2 = check.points.back().free_all_l2 = 1e-2;
  check.points.back().original_abs = 0.4;
  check.points.back().free_all_abs = 0.5;
  check.original = DistributionFigures{
      .num_tokens = 2000, .kl_mean = 1e-3, .kl_p999 = 1e-2, .num_top1_different = 100};
  check.distribution = {
      .num_tokens = 2000, .kl_mean = 1.2e-3, .kl_p999 = 1.5e-2, .num_top1_different = 104};
  return check;
}

TEST(Rules, NoFartherFromTheTruthThanTheOriginal) {
  const Rules rules;
  EXPECT_EQ(rules.failed(with_original()), Names{}) << "each exactly at its limit";
  ModelCheck check = with_original();
  check.points.back().free_all_l2 *= 1.001;
  EXPECT_EQ(rules.failed(check), Names{"original_logits"});
  check = with_original();
  check.points.back().free_all_abs *= 1.001;
  EXPECT_EQ(rules.failed(check), Names{"original_largest"});
  check = with_original();
  check.distribution.kl_mean *= 1.001;
  EXPECT_EQ(rules.failed(check), Names{"original_kl_mean"});
  check = with_original();
  check.distribution.kl_p999 *= 1.001;
  EXPECT_EQ(rules.failed(check), Names{"original_kl_p999"});
  check.original->num_tokens = 999;
  EXPECT_FALSE(rules.has(check, "original_kl_p999")) << "too few tokens for a tail";
  check = with_original();
  check.distribution.num_top1_different = 105;
  EXPECT_EQ(rules.failed(check), Names{"original_top1"});
}

TEST(Rules, TheOriginalIsAYardstickForBfloat16StorageAlone) {
  Rules rules;
  for (const Arithmetic& a : {kWide, kNarrow}) {
    rules.context.arithmetic = a;
    EXPECT_FALSE(rules.has(with_original(), "original_top1"));
  }
}

TEST(GoldenTolerance, IsAShareOfTheRangeOrUnitsOfTheLargestLogit) {
  const TapError error{.max_abs = 0.5, .range = 100, .largest = 5};
  const TapPoint tap{0, Tap::kLayer}, logits{1, Tap::kLogits};
  EXPECT_DOUBLE_EQ(share_of_golden_tolerance(error, tap, kWide), 0.5 / 1e-3);
  EXPECT_DOUBLE_EQ(share_of_golden_tolerance(error, tap, kNarrow), 0.25);  // of 2
  // Two units of bfloat16 between 4 and 8: 2 * 2^-5.
  EXPECT_DOUBLE_EQ(share_of_golden_tolerance(error, logits, kNarrow), 8);
  EXPECT_EQ(share_of_golden_tolerance(error, tap, kStored), 0);
  EXPECT_EQ(share_of_golden_tolerance({}, tap, kWide), 0) << "no error of no range";
}

TEST(Departure, IsTheFirstPointThatIsWrongByItself) {
  ModelCheck check = green();
  check.points[0].departs = true;
  check.points[2].failures = {"l2"};
  check.points[2].alone = {
      .l2 = 0.5, .worst_row = 3, .worst_column = 4, .worst_got = 7, .worst_want = 6};
  find_departure(check);
  ASSERT_TRUE(check.departure);
  EXPECT_EQ(to_string(*check.departure), "layer 0 routed");
  EXPECT_NE(check.departure_words.en.find("its value [3, 4] is 7, expected 6"), std::string::npos)
      << check.departure_words.en;
}

TEST(Departure, IsTheChoiceOfExpertsBeforeWhatFollowsFromIt) {
  ModelCheck check = green();
  check.points[2].failures = {"l2"};
  check.routing[0].alone = {.num_decisions = 9, .num_wrong = 2};
  find_departure(check);
  EXPECT_EQ(to_string(check.departure.value()), "layer 0 expert_ids");
  EXPECT_NE(check.departure_words.en.find("2 of 9 tokens"), std::string::npos);
  check = green();
  check.points[0].failures = {"l2"};  // the attention comes before the router
  check.routing[0].alone.num_wrong = 2;
  find_departure(check);
  EXPECT_EQ(to_string(check.departure.value()), "layer 0 attention");
}

TEST(Departure, OfTheWholePassIsToldWhereEveryStageIsRight) {
  ModelCheck check = green();
  check.points[1].departs = check.points[3].departs = true;
  find_departure(check);
  EXPECT_EQ(to_string(check.departure.value()), "layer 0 router_logits");
  EXPECT_TRUE(check.departure_words.en.starts_with("every stage is right by itself"));
  check = green();
  check.points[1].departs = true;
  check.passed = true;
  find_departure(check);
  EXPECT_FALSE(check.departure);
}

}  // namespace
}  // namespace ernie::verify::model
