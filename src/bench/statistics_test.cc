#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace ernie::bench {
namespace {

std::vector<double> range(int begin, int end) {
  std::vector<double> values(static_cast<size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

std::vector<double> normal(size_t count, double mean, double sd, uint64_t seed) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = mean + sd * static_cast<double>(philox_normal(seed, 0, i)[0]);
  }
  return values;
}

TEST(Summary, KnownSamples) {
  const std::vector<double> samples{4, 1, 3, 2, 10};
  const Summary s = summarize(samples);
  EXPECT_EQ(s.count, 5);
  EXPECT_DOUBLE_EQ(s.mean, 4);
  EXPECT_DOUBLE_EQ(s.sd, std::sqrt(50.0 / 4));
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.p5, 1.2);  // rank 0.2
  EXPECT_DOUBLE_EQ(s.median, 3);
  EXPECT_DOUBLE_EQ(s.p95, 8.8);  // rank 3.8
  EXPECT_DOUBLE_EQ(s.p99, 9.76);
  EXPECT_DOUBLE_EQ(s.max, 10);
}

TEST(Summary, OneAndNone) {
  const std::vector<double> one{7};
  EXPECT_DOUBLE_EQ(summarize(one).median, 7);
  EXPECT_DOUBLE_EQ(summarize(one).sd, 0);
  EXPECT_DOUBLE_EQ(summarize(one).p95, 7);
  EXPECT_EQ(summarize({}).count, 0);
}

TEST(Summary, MedianOfAnEvenCountIsBetween) {
  const std::vector<double> samples{1, 2, 3, 10};
  EXPECT_DOUBLE_EQ(summarize(samples).median, 2.5);
}

// Counted over all 126 ways to choose five of the nine values.
TEST(MannWhitney, ExactForFewSamples) {
  const std::vector<double> a{19, 22, 16, 29, 24}, b{20, 11, 17, 12};
  EXPECT_NEAR(mann_whitney_p(a, b), 14.0 / 126, 1e-12);
  EXPECT_NEAR(mann_whitney_p(b, a), 14.0 / 126, 1e-12);
}

TEST(MannWhitney, SeparateSetsHaveTheSmallestProbability) {
  EXPECT_NEAR(mann_whitney_p(range(0, 3), range(3, 6)), 2.0 / 20, 1e-12);
  EXPECT_NEAR(mann_whitney_p(range(0, 5), range(5, 10)), 2.0 / 252, 1e-12);
}

// U = 200; 20 pairs of equal values; z = (250 - 0.5) / sqrt(4572.4576).
TEST(MannWhitney, NormalApproximationWithTies) {
  EXPECT_NEAR(mann_whitney_p(range(1, 31), range(11, 41)), 2.2448381e-4, 1e-10);
}

TEST(MannWhitney, EqualSamplesDoNotDiffer) {
  const std::vector<double> same(30, 2.0);
  EXPECT_EQ(mann_whitney_p(same, same), 1);
  EXPECT_EQ(mann_whitney_p({}, same), 1);
}

TEST(MannWhitney, FalseAlarmsAreAsRareAsPromised) {
  int alarms = 0;
  constexpr int kTrials = 1000;
  for (uint64_t i = 0; i < kTrials; ++i) {
    alarms += mann_whitney_p(normal(40, 1, 0.1, 2 * i), normal(40, 1, 0.1, 2 * i + 1)) < 0.05;
  }
  EXPECT_NEAR(alarms, 50, 25);
}

TEST(RatioInterval, HoldsTheTrueRatioAndIsRepeatable) {
  const auto a = normal(200, 1.0, 0.05, 1), b = normal(200, 1.2, 0.05, 2);
  const Interval interval = ratio_of_medians_interval(a, b, 3);
  EXPECT_LT(interval.low, 1.2);
  EXPECT_GT(interval.high, 1.2);
  EXPECT_LT(interval.high - interval.low, 0.06);
  EXPECT_GT(interval.high - interval.low, 0.01);
  EXPECT_EQ(ratio_of_medians_interval(a, b, 3).low, interval.low);
}

TEST(Thinned, KeepsOrderAndSpread) {
  EXPECT_EQ(thinned(range(0, 10), 5), (std::vector<double>{0, 2, 4, 6, 8}));
  EXPECT_EQ(thinned(range(0, 3), 5), range(0, 3));
}

}  // namespace
}  // namespace ernie::bench
