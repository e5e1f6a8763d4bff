// What a case about rows is checked for, on operations that go wrong on purpose.

#include "verify/ops/row_case.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/registry.h"

namespace ernie::verify::ops {
namespace {

using Numbers = std::vector<double>;
using Names = std::vector<std::string>;

/// Three references in double, so that no difference comes from rounding.
class RowCases : public ::testing::Test {
 protected:
  static std::unique_ptr<Backend> make() {
    return make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  }

  /// x [5, 2] to x plus what `error` gives for (role, number of rows, row, column).
  template <typename Error>
  RowOperation operation(Error error) {
    return {.in_columns = 2,
            .out_columns = 2,
            .act = DType::kF64,
            .out = DType::kF64,
            .apply = [error](Role role, Backend& backend, const Tensor& x, const Tensor& out) {
              Numbers values = download(backend, x).value();
              const int64_t rows = x.dim(0);
              for (int64_t i = 0; i < 2 * rows; ++i) {
                values[static_cast<size_t>(i)] += error(role, rows, i / 2, i % 2);
              }
              backend.copy_in(values.data(), out);
            }};
  }
  Names bits_of(const RowOperation& op, int64_t row, bool with_twin) {
    const RowCase rows = RowCase::run(rig_, op, kX).value();
    Names failures;
    EXPECT_TRUE(rows.check_bits(row, with_twin, failures));
    return failures;
  }

  const Numbers kX{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  std::unique_ptr<Backend> device_ = make(), twin_ = make(), oracle_ = make();
  Rig rig_{*device_, *twin_, *oracle_, engine_functions()};
};

TEST_F(RowCases, WhatIsRightIsNotReported) {
  const RowOperation op = operation([](Role, int64_t, int64_t, int64_t) { return 0.5; });
  EXPECT_EQ(bits_of(op, 2, true), Names{});
  const RowCase rows = RowCase::run(rig_, op, kX).value();
  EXPECT_EQ(rows.num_rows(), 5);
  EXPECT_EQ(Numbers(rows.x_row(4).begin(), rows.x_row(4).end()), (Numbers{9, 10}));
  EXPECT_EQ(Numbers(rows.y_row(1).begin(), rows.y_row(1).end()), (Numbers{3.5, 4.5}));
}

TEST_F(RowCases, ARowThatIsOtherwiseAloneIsNotBatchInvariant) {
  const RowOperation op =
      operation([](Role, int64_t rows, int64_t, int64_t) { return rows == 1 ? 0x1p-50 : 0; });
  EXPECT_EQ(bits_of(op, 0, true), Names{"batch invariance"});
}

TEST_F(RowCases, ATwinThatDiffersInAnyRowIsSeenIfItIsAsked) {
  const RowOperation op = operation([](Role role, int64_t, int64_t row, int64_t column) {
    return role == Role::kTwin && row == 4 && column == 1 ? 0x1p-49 : 0;
  });
  EXPECT_EQ(bits_of(op, 0, true), Names{"threads"});
  EXPECT_EQ(bits_of(op, 0, false), Names{});
}

TEST_F(RowCases, AResultThatIsNotWrittenIsNotANumber) {
  RowOperation op = operation([](Role, int64_t, int64_t, int64_t) { return 0; });
  op.apply = [](Role, Backend&, const Tensor&, const Tensor&) {};
  const RowCase rows = RowCase::run(rig_, op, kX).value();
  for (const double y : rows.y()) EXPECT_TRUE(std::isnan(y));
}

// Of rows 1 and 3 only the latter is wrong, by three budgets in its second column.
TEST_F(RowCases, TheErrorIsToldWithItsPlaceInTheWholeMatrix) {
  const RowOperation op = operation([](Role role, int64_t, int64_t row, int64_t column) {
    return role == Role::kDevice && row == 3 && column == 1 ? 0.75 : 0;
  });
  const RowCase rows = RowCase::run(rig_, op, kX).value();
  const std::vector<int64_t> sampled{1, 3};
  const auto budget = [](int64_t row, size_t column, double want) {
    EXPECT_EQ(want, static_cast<double>(2 * row) + static_cast<double>(column) + 1);
    return row == 3 && column == 1 ? 0.25 : 1e-9;
  };
  const ErrorSummary error = compare_rows(rows, op, sampled, budget).value();
  EXPECT_EQ(error.num_elements, 4);
  EXPECT_DOUBLE_EQ(error.emax, 3);
  EXPECT_EQ(error.worst_index, 7);
  EXPECT_EQ(error.worst_got, 8.75);
  EXPECT_EQ(compare_rows(rows, op, std::vector<int64_t>{0, 1, 2}, budget)->emax, 0);
}

/// Failures for 100 rows of one column of which so many differ from what should be stored.
Names rounding_points(Rig& rig, int64_t num_rows, int64_t num_different, double stored = 1) {
  const RowOperation op{.in_columns = 1,
                        .out_columns = 1,
                        .act = DType::kF64,
                        .out = DType::kF64,
                        .apply = [](Role, Backend& backend, const Tensor& x, const Tensor& out) {
                          const Numbers values = download(backend, x).value();
                          backend.copy_in(values.data(), out);
                        }};
  const RowCase rows = RowCase::run(rig, op, Numbers(static_cast<size_t>(num_rows), 1.0)).value();
  std::vector<int64_t> all;
  for (int64_t i = 0; i < num_rows; ++i) all.push_back(i);
  Names failures;
  check_rounding_points(
      rows, all, [&](int64_t row, size_t) { return row < num_different ? stored + 1 : stored; },
      failures);
  return failures;
}

TEST_F(RowCases, TwoInAHundredMayBeRoundedOtherwise) {
  EXPECT_EQ(rounding_points(rig_, 100, 2), Names{});
  EXPECT_EQ(rounding_points(rig_, 100, 3), Names{"rounding points"});
  EXPECT_EQ(rounding_points(rig_, 63, 63), Names{}) << "too few to say";
  EXPECT_EQ(rounding_points(rig_, 64, 64), Names{"rounding points"});
  EXPECT_EQ(rounding_points(rig_, 100, 100, INFINITY), Names{}) << "nothing finite to compare";
}

TEST(SameBits, TellsZerosApartAndNotNans) {
  const double nan = NAN;
  EXPECT_TRUE(same_bits(Numbers{1, nan, 0}, Numbers{1, -nan, 0}));
  EXPECT_FALSE(same_bits(Numbers{0.0}, Numbers{-0.0}));
  EXPECT_FALSE(same_bits(Numbers{1}, Numbers{nan}));
  EXPECT_FALSE(same_bits(Numbers{1}, Numbers{std::nextafter(1, 2)}));
  EXPECT_FALSE(same_bits(Numbers{1}, Numbers{1, 1}));
}

TEST(SampleIndices, HaveBothEndsAndAreAscending) {
  Random random(1);
  EXPECT_EQ(sample_indices(3, 8, random), (std::vector<int64_t>{0, 1, 2}));
  for (int i = 0; i < 100; ++i) {
    const std::vector<int64_t> some = sample_indices(20, 8, random);
    ASSERT_LE(some.size(), 8u);
    ASSERT_GE(some.size(), 2u);
    EXPECT_EQ(some.front(), 0);
    EXPECT_EQ(some.back(), 19);
    EXPECT_EQ(std::ranges::adjacent_find(some, std::greater_equal()), some.end());
  }
}

}  // namespace
}  // namespace ernie::verify::ops
