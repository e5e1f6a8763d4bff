#include "report/scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ernie::report {
namespace {

std::vector<std::string> labels_of(const Scale& scale) {
  std::vector<std::string> labels;
  for (const Tick& tick : scale.ticks()) {
    if (!tick.label.empty()) labels.push_back(tick.label);
  }
  return labels;
}

using Labels = std::vector<std::string>;

TEST(Scale, LinearTicksAreRound) {
  EXPECT_EQ(labels_of(Scale({0, 97}, {})), (Labels{"0", "20", "40", "60", "80", "100"}));
  EXPECT_EQ(labels_of(Scale({0.1, 0.42}, {.from_zero = true})),
            (Labels{"0", "0.1", "0.2", "0.3", "0.4", "0.5"}));
  EXPECT_EQ(labels_of(Scale({0, 4e-6}, {})), (Labels{"0", "1×10⁻⁶", "2×10⁻⁶", "3×10⁻⁶", "4×10⁻⁶"}));
  EXPECT_EQ(labels_of(Scale({-0.9, 0.9}, {.max_ticks = 5})),
            (Labels{"-1.0", "-0.5", "0", "0.5", "1.0"}));
}

TEST(Scale, WholeNumbersHaveWholeTicks) {
  EXPECT_EQ(labels_of(Scale({0, 1, 2}, {.tight = true})), (Labels{"0", "1", "2"}));
}

TEST(Scale, LogTicksArePowersOfTen) {
  EXPECT_EQ(labels_of(Scale({3e-7, 0.02}, {.log = true})),
            (Labels{"10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"}));
  EXPECT_EQ(labels_of(Scale({0.02, 40}, {.log = true})), (Labels{"0.01", "0.1", "1", "10", "100"}));
}

TEST(Scale, LogTicksWithinADecadeAreOneTwoFive) {
  EXPECT_EQ(labels_of(Scale({1.5, 8}, {.log = true})), (Labels{"1", "2", "5", "10"}));
}

TEST(Scale, ManyDecadesAreThinnedOut) {
  const Labels labels = labels_of(Scale({1e-300, 1}, {.log = true}));
  EXPECT_GE(labels.size(), 4u);
  EXPECT_LE(labels.size(), 9u);
}

TEST(Scale, PositionsAreProportional) {
  const Scale log({0.01, 100}, {.log = true});
  EXPECT_NEAR(log.position(1), 0.5, 1e-12);
  EXPECT_NEAR(log.position(0.1), 0.25, 1e-12);
  const Scale linear({0, 10}, {});
  EXPECT_NEAR(linear.position(2.5), 0.25, 1e-12);
}

TEST(Scale, SmallestBarIsSeen) {
  const Scale scale({0.001, 1}, {.log = true, .bars = true});
  EXPECT_GT(scale.position(0.001), 0.05);
}

TEST(Scale, WhatHasNoPlaceIsKnown) {
  const Scale log({0.1, 1}, {.log = true});
  EXPECT_FALSE(log.can_show(0));
  EXPECT_FALSE(log.can_show(-1));
  EXPECT_FALSE(log.can_show(NAN));
  EXPECT_EQ(log.position(INFINITY), 1);
  EXPECT_EQ(log.position(0), 0);
  EXPECT_TRUE(Scale({0}, {}).can_show(0));
}

TEST(Scale, IsFiniteForEveryValue) {
  constexpr double kMax = std::numeric_limits<double>::max();
  constexpr double kMin = std::numeric_limits<double>::denorm_min();
  const std::vector<double> odd = {0,   -0.0,     1,     -1, kMax, -kMax,     kMin,     -kMin,
                                   NAN, INFINITY, 1e-12, 3,  1e16, -INFINITY, 1 + 1e-15};
  for (const double a : odd) {
    for (const double b : odd) {
      for (int mode = 0; mode < 16; ++mode) {
        const Scale scale({a, b}, {.log = (mode & 1) != 0,
                                   .from_zero = (mode & 2) != 0,
                                   .tight = (mode & 4) != 0,
                                   .bars = (mode & 8) != 0});
        for (const double value : odd) {
          const double position = scale.position(value);
          ASSERT_TRUE(position >= 0 && position <= 1) << a << " " << b << " " << value;
        }
        ASSERT_LE(scale.ticks().size(), 120u);
        for (const Tick& tick : scale.ticks()) {
          ASSERT_TRUE(tick.position >= -1e-9 && tick.position <= 1 + 1e-9) << a << " " << b;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ernie::report
