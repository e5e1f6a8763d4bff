#include "verify/model/tap_error.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ernie::verify::model {
namespace {

TEST(TapError, IsRelativeToTheRow) {
  // Rows of root mean square 5 and 0.5; errors of 0.01 each.
  const Values want{2, 2, {5, -5, 0.5, 0.5}}, got{2, 2, {5.01, -5, 0.5, 0.51}};
  const TapError e = tap_error(got, want);
  EXPECT_EQ(e.num_values, 4);
  EXPECT_NEAR(e.l2, std::sqrt(2e-4 / 50.5), 1e-12);
  EXPECT_NEAR(e.worst, 0.02, 1e-4);
  EXPECT_EQ(e.worst_row, 1);
  EXPECT_EQ(e.worst_column, 1);
  EXPECT_NEAR(e.max_abs, 0.01, 1e-12);
  EXPECT_DOUBLE_EQ(e.range, 10);
  EXPECT_DOUBLE_EQ(e.equal_fraction, 0.5);
}

TEST(TapError, NothingDiffers) {
  const Values same{1, 3, {1, 2, 3}};
  const TapError e = tap_error(same, same);
  EXPECT_EQ(e.l2, 0);
  EXPECT_EQ(e.worst, 0);
  EXPECT_EQ(e.equal_fraction, 1);
  EXPECT_TRUE(failed_checks(e, {}).empty());
}

TEST(TapError, ANanIsNotRight) {
  const Values want{1, 2, {1, 2}}, got{1, 2, {1, NAN}};
  const TapError e = tap_error(got, want);
  EXPECT_EQ(e.num_nonfinite, 1);
  EXPECT_EQ(e.l2, INFINITY);
  EXPECT_EQ(failed_checks(e, {.l2 = 1e9, .worst = 1e9}).front(), "not finite");
}

TEST(TapError, TheOwnRoundingOfAValueIsNotHeldAgainstIt) {
  const Values want{1, 4, {1, 100, 1, 1}}, got{1, 4, {1, 100.5, 1, 1}};
  TapErrorSum narrow(0x1p-7);
  narrow.add(got, want, 1);
  EXPECT_EQ(narrow.error().worst, 0);
  EXPECT_GT(narrow.error().l2, 0);
  EXPECT_GT(tap_error(got, want).worst, 0);
}

TEST(TapError, SumsOverPromptsAndLeavesRowsOut) {
  const Values want{2, 1, {1, 1}}, got{2, 1, {1.5, 9}};
  TapErrorSum sum;
  sum.add(got, want, 1);
  sum.add(want, want, 2);
  EXPECT_EQ(sum.error().num_values, 3);
  EXPECT_NEAR(sum.error().l2, 0.5 / std::sqrt(3.0), 1e-12);
}

TEST(TapBudget, WhatIsCopiedIsExactAndTheRestGrowsWithTheTermsAndTheConditioning) {
  const ModelConfig config = *preset_model_config("21b");
  const Arithmetic wide{DType::kF32, DType::kF32, DType::kF64};
  const auto budget = [&](Tap tap, double conditioning) {
    return tap_budget(config, {1, tap}, wide, 100, {conditioning, conditioning});
  };
  EXPECT_EQ(budget(Tap::kEmbedding, 1).l2, 0);
  EXPECT_GT(budget(Tap::kRouted, 1).l2, budget(Tap::kLogits, 1).l2);
  EXPECT_DOUBLE_EQ(budget(Tap::kRouted, 3).l2, 3 * budget(Tap::kRouted, 1).l2);
  EXPECT_DOUBLE_EQ(budget(Tap::kRouted, 0.1).l2, budget(Tap::kRouted, 1).l2);
  const Arithmetic stored{DType::kF32, DType::kBF16, DType::kF64};
  EXPECT_GT(tap_budget(config, {1, Tap::kAttention}, stored, 100, {}).l2, 1e-3);
  EXPECT_LT(tap_budget(config, {1, Tap::kRouted}, stored, 100, {}).l2, 1e-5);
}

TEST(TapBudget, WithTheSameRoundingsNearlyAllValuesAreEqual) {
  const ModelConfig config = *preset_model_config("21b");
  const Arithmetic same{DType::kBF16, DType::kBF16, DType::kBF16};
  const TapBudget budget = tap_budget(config, {1, Tap::kRouted}, same, 100, {});
  Values want{1, 100, std::vector<double>(100, 1.0)}, got = want;
  for (size_t i = 0; i < 4; ++i) got.data[i] += 0x1p-7;
  EXPECT_TRUE(failed_checks(tap_error(got, want), budget).empty());
  for (size_t i = 0; i < 10; ++i) got.data[i] = 1 + 0x1p-20;
  EXPECT_EQ(failed_checks(tap_error(got, want), budget),
            (std::vector<std::string>{"equal values"}));
  EXPECT_EQ(tap_budget(config, {1, Tap::kRouterLogits}, same, 100, {}).min_equal, 0);
}

}  // namespace
}  // namespace ernie::verify::model
