#include "bench/serving_requests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace ernie::bench {
namespace {

struct Gaps {
  double mean = 0;
  double variation = 0;  ///< standard deviation over mean
};

Gaps gaps_of(double request_rate, double burstiness, uint64_t seed = 1) {
  ServingOptions options;
  options.num_prompts = 20'001;
  options.request_rate = request_rate;
  options.burstiness = burstiness;
  options.seed = seed;
  std::vector<double> times = arrival_times(options);
  EXPECT_EQ(times.size(), 20'001u);
  EXPECT_EQ(times.front(), 0);
  std::adjacent_difference(times.begin(), times.end(), times.begin());
  const double count = static_cast<double>(times.size() - 1);
  double squares = 0;
  for (const double gap : times) {
    EXPECT_GE(gap, 0);
    squares += gap * gap;
  }
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / count;
  return {mean, std::sqrt(squares / count - mean * mean) / mean};
}

// The gamma distribution of shape b has a standard deviation of 1/sqrt(b) times its mean. 20,000
// gaps give the mean to 1 % and more where they are even.
TEST(ArrivalTimes, HaveTheRateAndTheBurstiness) {
  for (const double rate : {0.5, 120.0}) {
    for (const double burstiness : {0.25, 1.0, 4.0, 1e5}) {
      const Gaps gaps = gaps_of(rate, burstiness);
      EXPECT_NEAR(gaps.mean * rate, 1, 0.05 / std::sqrt(burstiness)) << burstiness;
      EXPECT_NEAR(gaps.variation * std::sqrt(burstiness), 1, 0.1) << burstiness;
    }
  }
}

// A Poisson process: of the gaps, 1 - 1/e are shorter than the mean.
TEST(ArrivalTimes, OneIsAPoissonProcess) {
  ServingOptions options;
  options.num_prompts = 20'001;
  options.request_rate = 10;
  const std::vector<double> times = arrival_times(options);
  int64_t shorter = 0;
  for (size_t i = 1; i < times.size(); ++i) shorter += times[i] - times[i - 1] < 0.1 ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(shorter) / 20'000, 1 - std::exp(-1), 0.015);
}

TEST(ArrivalTimes, ComeFromTheSeed) {
  ServingOptions options;
  options.num_prompts = 5;
  options.request_rate = 3;
  const std::vector<double> times = arrival_times(options);
  EXPECT_EQ(arrival_times(options), times);
  options.seed += 1;
  EXPECT_NE(arrival_times(options), times);
}

TEST(ArrivalTimes, WithoutARateAllComeAtOnce) {
  ServingOptions options;
  options.num_prompts = 4;
  options.request_rate = 0;
  EXPECT_EQ(arrival_times(options), (std::vector<double>(4, 0)));
}

}  // namespace
}  // namespace ernie::bench
