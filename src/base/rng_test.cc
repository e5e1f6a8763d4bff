#include "base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace ernie {
namespace {

// The known answers that the generator's authors publish, as (counter, stream, seed).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint64_t ones = ~uint64_t{0};
  EXPECT_EQ(philox(ones, ones, ones),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformIsInTheUnitIntervalAndEven) {
  double sum = 0;
  std::array<int, 16> bins{};
  constexpr int kDraws = 64000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = philox_uniform(1, 2, static_cast<uint64_t>(i));
    ASSERT_TRUE(0 <= x && x < 1);
    sum += x;
    ++bins[static_cast<size_t>(x * 16)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  for (const int count : bins) EXPECT_NEAR(count, kDraws / 16, 5 * std::sqrt(kDraws / 16.0));
}

TEST(Philox, NormalHasUnitVarianceAndStaysFinite) {
  double sum = 0, squares = 0;
  constexpr int kDraws = 50000;
  for (int i = 0; i < kDraws; ++i) {
    for (const float x : philox_normal(3, 4, static_cast<uint64_t>(i))) {
      ASSERT_TRUE(std::isfinite(x));
      sum += static_cast<double>(x);
      squares += static_cast<double>(x) * static_cast<double>(x);
    }
  }
  EXPECT_NEAR(sum / (2 * kDraws), 0, 0.015);
  EXPECT_NEAR(squares / (2 * kDraws), 1, 0.02);
}

TEST(Philox, SeedStreamAndCounterAllMatter) {
  std::set<double> draws;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (uint64_t stream = 0; stream < 4; ++stream) {
      for (uint64_t counter = 0; counter < 4; ++counter)
        draws.insert(philox_uniform(seed, stream, counter));
    }
  }
  EXPECT_EQ(draws.size(), 64u);
}

}  // namespace
}  // namespace ernie
