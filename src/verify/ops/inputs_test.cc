// Every class of input is what its name says.

#include "verify/ops/inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "verify/error_budget.h"

namespace ernie::verify::ops {
namespace {

using enum InputClass;

constexpr InputClass kAll[] = {kNormal,       kHeavyTail, kOutliers, kPositive,
                               kCancellation, kInteger,   kSmall,    kLarge,
                               kSubnormal,    kSpike,     kZeros,    kNonfinite};
constexpr int64_t kRows = 5, kColumns = 40;

std::vector<double> values_of(InputClass input, DType dtype, uint64_t seed = 1) {
  Random random(seed);
  return make_values(input, kRows, kColumns, dtype, random);
}

class Inputs : public ::testing::TestWithParam<DType> {};

TEST_P(Inputs, AreNumbersOfTheTypeAndAFunctionOfTheSeed) {
  std::set<std::string_view> names;
  for (const InputClass input : kAll) {
    EXPECT_TRUE(names.insert(input_class_name(input)).second) << input_class_name(input);
    const std::vector<double> values = values_of(input, GetParam());
    ASSERT_EQ(values.size(), static_cast<size_t>(kRows * kColumns));
    for (const double x : values) {
      EXPECT_TRUE(std::isnan(x) || round_to(GetParam(), x) == x) << input_class_name(input);
    }
    if (input == kNonfinite) continue;  // a NaN is not equal to itself
    EXPECT_EQ(values, values_of(input, GetParam()));
    EXPECT_EQ(values == values_of(input, GetParam(), 2), input == kZeros);
  }
}

TEST_P(Inputs, SubnormalOnesAreSubnormalAndNotAllZero) {
  int num_zeros = 0;
  for (const double x : values_of(kSubnormal, GetParam())) {
    EXPECT_LT(std::abs(x), 0x1p-126);
    num_zeros += x == 0 ? 1 : 0;
  }
  EXPECT_LT(num_zeros, kRows * kColumns / 2);
}

TEST_P(Inputs, ASpikeIsOneValueOfEachRow) {
  const std::vector<double> values = values_of(kSpike, GetParam());
  for (int64_t row = 0; row < kRows; ++row) {
    const auto begin = values.begin() + row * kColumns;
    EXPECT_EQ(std::count(begin, begin + kColumns, round_to(GetParam(), 1e4)), 1) << row;
    EXPECT_EQ(std::count_if(begin, begin + kColumns, [](double x) { return x > 10; }), 1) << row;
  }
}

TEST_P(Inputs, OneValueOfTheMatrixIsNotFinite) {
  std::set<int64_t> rows;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const std::vector<double> values = values_of(kNonfinite, GetParam(), seed);
    const auto not_finite = [](double x) { return !std::isfinite(x); };
    ASSERT_EQ(std::ranges::count_if(values, not_finite), 1);
    rows.insert((std::ranges::find_if(values, not_finite) - values.begin()) / kColumns);
  }
  EXPECT_EQ(rows.size(), 5u) << "each row has its turn";
}

TEST_P(Inputs, CancellingRowsSumToZero) {
  Random random(3);
  for (const int64_t columns : {8, 7}) {
    const std::vector<double> x = make_values(kCancellation, 2, columns, GetParam(), random);
    for (int64_t row = 0; row < 2; ++row) {
      std::vector<double> halves(x.begin() + row * columns, x.begin() + (row + 1) * columns);
      if (columns % 2 == 1) halves.erase(halves.begin() + columns / 2);
      EXPECT_NE(halves[0], 0);
      std::ranges::sort(halves);
      for (size_t i = 0; i < halves.size(); ++i) {
        EXPECT_EQ(halves[i], -halves[halves.size() - 1 - i]) << columns;
      }
    }
  }
}

// The normal values of the same seed, in eight columns 30 times as large.
TEST_P(Inputs, OutliersAreEightColumnsOfAllRows) {
  const std::vector<double> outliers = values_of(kOutliers, GetParam()),
                            normal = values_of(kNormal, GetParam());
  std::multiset<int64_t> large;
  for (int64_t i = 0; i < kRows * kColumns; ++i) {
    const double ratio = outliers[static_cast<size_t>(i)] / normal[static_cast<size_t>(i)];
    if (ratio == 1) continue;
    EXPECT_NEAR(ratio, 30, 0.3) << i;
    large.insert(i % kColumns);
  }
  EXPECT_EQ(large.size(), 8u * kRows);
  EXPECT_EQ(std::set<int64_t>(large.begin(), large.end()).size(), 8u);
}

TEST_P(Inputs, SizesAndSigns) {
  const auto rms = [](const std::vector<double>& values) {
    double squares = 0;
    for (const double x : values) squares += x * x;
    return std::sqrt(squares / static_cast<double>(values.size()));
  };
  EXPECT_NEAR(rms(values_of(kSmall, GetParam())), 1e-4, 3e-5);
  EXPECT_NEAR(rms(values_of(kLarge, GetParam())), 1e4, 3e3);
  EXPECT_GE(std::ranges::min(values_of(kPositive, GetParam())), round_to(GetParam(), 0.1));
  EXPECT_EQ(rms(values_of(kZeros, GetParam())), 0);
  std::set<double> integers;
  for (const double x : values_of(kInteger, GetParam())) integers.insert(x);
  EXPECT_EQ(integers, (std::set<double>{-3, -2, -1, 0, 1, 2, 3}));
}

INSTANTIATE_TEST_SUITE_P(, Inputs, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(dtype_name(test.param)); });

// With three degrees of freedom one value in 200 is beyond 5.8; of normal ones none is.
TEST(HeavyTail, HasValuesThatNormalOnesDoNot) {
  Random random(4);
  const auto num_beyond = [&](InputClass input) {
    return std::ranges::count_if(make_values(input, 1, 20000, DType::kF32, random),
                                 [](double x) { return std::abs(x) > 5.84; });
  };
  EXPECT_NEAR(static_cast<double>(num_beyond(kHeavyTail)), 200, 60);
  EXPECT_EQ(num_beyond(kNormal), 0);
}

// What must be equal cannot be suspect for being equal.
TEST(InputClass, ExactAndInexactExcludeEachOther) {
  for (const InputClass input : kAll) EXPECT_FALSE(is_exact(input) && is_inexact(input));
  EXPECT_TRUE(is_exact(kInteger));
  EXPECT_TRUE(is_exact(kZeros));
  EXPECT_TRUE(is_inexact(kNormal));
  EXPECT_FALSE(is_exact(kSubnormal) || is_inexact(kSubnormal)) << "some of its sums are exact";
}

TEST(HostMatrixOf, HoldsTheValuesRowByRow) {
  const HostMatrix matrix = host_matrix({1, -2.5, 0x1p-133, 4, 5, 6}, {3, 2}, DType::kBF16);
  EXPECT_EQ(matrix.num_rows(), 3);
  EXPECT_EQ(matrix.describe(), "BF16 [3, 2]");
  const HostTensor wide = matrix.to_tensor(DType::kF32);
  EXPECT_EQ(std::vector<float>(wide.values<float>().begin(), wide.values<float>().end()),
            (std::vector<float>{1, -2.5, 0x1p-133f, 4, 5, 6}));
}

}  // namespace
}  // namespace ernie::verify::ops
