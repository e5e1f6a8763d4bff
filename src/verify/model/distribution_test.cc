#include "verify/model/distribution.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ernie::verify::model {
namespace {

Values row(std::vector<double> logits) {
  return {1, static_cast<int64_t>(logits.size()), std::move(logits)};
}

// p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2): 1/2 ln 2 + 0 - 1/4 ln 2.
TEST(Distribution, DivergenceOfAHandWorkedPair) {
  const std::vector<double> p{std::log(2.0), 0, 0}, q{0, 0, std::log(2.0)};
  EXPECT_NEAR(kl_divergence(p, q), 0.25 * std::log(2.0), 1e-15);
  EXPECT_NEAR(kl_divergence(q, p), 0.25 * std::log(2.0), 1e-15);
  EXPECT_EQ(kl_divergence(p, p), 0);
}

TEST(Distribution, IsTheSameWhateverIsAddedToAllLogits) {
  const std::vector<double> p{std::log(2.0) + 700, 700, 700}, q{-900, -900, std::log(2.0) - 900};
  EXPECT_NEAR(kl_divergence(p, q), 0.25 * std::log(2.0), 1e-12);
}

TEST(Distribution, IsNotSymmetric) {
  const std::vector<double> p{std::log(3.0), 0}, q{0, 0};  // (3/4, 1/4), (1/2, 1/2)
  EXPECT_NEAR(kl_divergence(p, q), 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-15);
  EXPECT_NEAR(kl_divergence(q, p), 0.5 * std::log(2.0 / 3) + 0.5 * std::log(2.0), 1e-15);
}

TEST(Distribution, WhatIsNotFiniteIsInfinitelyFar) {
  const std::vector<double> p{0, 0};
  EXPECT_EQ(kl_divergence(p, std::vector<double>{NAN, 0}), INFINITY);
  EXPECT_EQ(kl_divergence(p, std::vector<double>{INFINITY, 0}), INFINITY);
}

TEST(Percentile, IsLinearBetweenNeighbours) {
  EXPECT_EQ(percentile({}, 0.999), 0);
  EXPECT_EQ(percentile({7}, 0.999), 7);
  EXPECT_DOUBLE_EQ(percentile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(percentile({0, 10}, 0.999), 9.99);
  EXPECT_EQ(percentile({0, INFINITY}, 1), INFINITY);
  std::vector<double> thousand;
  for (int i = 0; i <= 1000; ++i) thousand.push_back(1000 - i);
  EXPECT_DOUBLE_EQ(percentile(thousand, 0.999), 999);
}

// Probabilities 1/2 and 1/4 for what came: the geometric mean of 2 and 4.
TEST(DistributionMeter, PerplexityOfTwoTokens) {
  Values logits{2, 3, {std::log(2.0), 0, 0, std::log(2.0), 0, 0}};
  const Values uniform{2, 3, {0, 0, 0, 0, 0, 0}};
  DistributionMeter meter;
  meter.add_likelihoods(logits, uniform, std::vector<int32_t>{0, 1});
  const DistributionFigures figures = meter.figures();
  EXPECT_EQ(figures.num_predicted, 2);
  EXPECT_NEAR(figures.perplexity_want, std::sqrt(8.0), 1e-12);
  EXPECT_NEAR(figures.perplexity_got, 3, 1e-12);
}

TEST(DistributionMeter, CountsOtherLikeliestTokensWithTheirMargin) {
  DistributionMeter meter;
  meter.add(row({3, 1, 2}), row({3, 1, 2}), 1);
  meter.add(row({3, 1, 2.5}), row({2, 1, 2.5}), 1);
  const DistributionFigures figures = meter.figures();
  EXPECT_EQ(figures.num_tokens, 2);
  EXPECT_EQ(figures.num_top1_different, 1);
  EXPECT_DOUBLE_EQ(figures.top1_agreement(), 0.5);
  EXPECT_DOUBLE_EQ(figures.largest_top1_margin, 0.5);
  EXPECT_GT(figures.kl_max, 0);
  EXPECT_DOUBLE_EQ(figures.kl_mean, figures.kl_max / 2);
}

TEST(DistributionMeter, OfNothingHasNoFigures) {
  EXPECT_EQ(DistributionMeter().figures().num_tokens, 0);
  EXPECT_EQ(DistributionMeter().figures().kl_p999, 0);
}

}  // namespace
}  // namespace ernie::verify::model
