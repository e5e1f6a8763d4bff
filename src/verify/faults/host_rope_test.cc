// rope_table, rope and argmax of the host kernels.

#include <gtest/gtest.h>

#include <cmath>

#include "backend/registry.h"
#include "verify/array.h"
#include "verify/error_budget.h"
#include "verify/faults/host_kernels.h"

namespace ernie::verify::host {
namespace {

Mode with(Quirk quirk) { return {quirk, DType::kF64, DType::kF64}; }
const Mode kRight = with(Quirk::kNone);

/// (cos, sin) of each angle.
Values turns(const Values& angles) {
  Values table;
  for (const double angle : angles) {
    table.push_back(std::cos(angle));
    table.push_back(std::sin(angle));
  }
  return table;
}

void expect_near(const Values& got, const Values& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

TEST(HostRopeTable, HasAnAngleForEachPair) {
  // theta 16 and two pairs: the second one turns a quarter as fast.
  expect_near(rope_table({0, 3}, 16, 2, kRight), turns({0, 0, 3, 0.75}), 1e-7);
}

TEST(HostRopeTable, AgreesWithTheReferenceUpToTheLastPosition) {
  const std::vector<int32_t> positions{1, 777, 65537, 131071};
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  const Array in = upload(*oracle, positions, {4}).value();
  const Array out = poisoned(*oracle, {4, 33, 2}, DType::kF32).value();
  oracle->rope_table(in.tensor, 500000, out.tensor);
  expect_near(rope_table(positions, 500000, 33, kRight), download(*oracle, out.tensor).value(),
              1e-7);
}

TEST(HostRopeTable, Quirks) {
  const std::vector<int32_t> positions{257, 7}, next{258, 8};
  const auto table = [&](Quirk quirk) { return rope_table(positions, 500000, 3, with(quirk)); };
  EXPECT_EQ(table(Quirk::kNextPosition), rope_table(next, 500000, 3, kRight));
  EXPECT_EQ(table(Quirk::kOtherTheta), rope_table(positions, 10000, 3, kRight));
  Values rounded = table(Quirk::kNone);
  for (double& x : rounded) x = round_to(DType::kBF16, x);
  EXPECT_EQ(table(Quirk::kBf16Table), rounded);
  EXPECT_NEAR(table(Quirk::kBf16Angle)[0], std::cos(256.0), 1e-7);  // 257 needs nine bits
  EXPECT_NEAR(table(Quirk::kNone)[0], std::cos(257.0), 1e-7);
}

// Far out the model's float32 angle and the true one are not the same, and only the double one is
// the true one.
TEST(HostRopeTable, ADoubleAngleIsTheTrueOne) {
  constexpr int64_t kPairs = 8;
  Values angles;
  for (int64_t j = 0; j < kPairs; ++j) {
    angles.push_back(131071 * std::pow(500000.0, -static_cast<double>(j) / kPairs));
  }
  const Values truth = turns(angles);
  expect_near(rope_table({131071}, 500000, kPairs, with(Quirk::kDoubleAngle)), truth, 1e-7);
  const Values narrow = rope_table({131071}, 500000, kPairs, kRight);
  double largest = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    largest = std::max(largest, std::abs(narrow[i] - truth[i]));
  }
  EXPECT_GT(largest, 1e-4);
}

// One query, key and value head of four numbers, turned by a right angle.
TEST(HostRope, TurnsNeighboursOfQueriesAndKeys) {
  const QkvLayout layout{1, 1, 4};
  const Values row{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, table{0, 1, 0, 1};
  const auto turned = [&](Quirk quirk) { return rope(row, layout, table, with(quirk)); };
  EXPECT_EQ(turned(Quirk::kNone), (Values{-2, 1, -4, 3, -6, 5, -8, 7, 9, 10, 11, 12}));
  EXPECT_EQ(turned(Quirk::kTurnedBack), (Values{2, -1, 4, -3, 6, -5, 8, -7, 9, 10, 11, 12}));
  EXPECT_EQ(turned(Quirk::kHalvesPaired), (Values{-3, -4, 1, 2, -7, -8, 5, 6, 9, 10, 11, 12}));
  EXPECT_EQ(turned(Quirk::kValuesTurned), (Values{-2, 1, -4, 3, -6, 5, -8, 7, -10, 9, -12, 11}));
}

TEST(HostRope, EachTokenHasItsRowOfTheTableAndEachPairItsAngle) {
  const QkvLayout layout{1, 1, 4};
  Values rows(24, 1.0);
  const Values table{1, 0, 0, 1, /* second token */ -1, 0, 0, -1};
  const Values got = rope(rows, layout, table, kRight);
  EXPECT_EQ(Values(got.begin(), got.begin() + 4), (Values{1, 1, -1, 1}));
  EXPECT_EQ(Values(got.begin() + 12, got.begin() + 16), (Values{-1, -1, 1, -1}));
}

TEST(HostArgmax, IsTheLowerOfEqualsAndNoneBesideWhatIsNoNumber) {
  const double inf = INFINITY;
  const auto best = [](Values row, Quirk quirk) {
    return argmax(row, static_cast<int64_t>(row.size()), with(quirk))[0];
  };
  EXPECT_EQ(best({1, 3, 2, 3, -inf}, Quirk::kNone), 1);
  EXPECT_EQ(best({1, 3, 2, 3, -inf}, Quirk::kHigherIdOnTie), 3);
  EXPECT_EQ(best({1, 2, 3}, Quirk::kTailSkipped), 1);
  EXPECT_EQ(best({5, 2, 3}, Quirk::kTailSkipped), 0);
  EXPECT_EQ(best({-inf, -inf}, Quirk::kNone), -1);
  for (const double bad : {static_cast<double>(NAN), inf}) {
    EXPECT_EQ(best({1, bad, 2}, Quirk::kNone), -1) << bad;
    EXPECT_GE(best({1, bad, 2}, Quirk::kUnusableTaken), 1) << bad;
  }
}

TEST(HostArgmax, RowsAreIndependent) {
  EXPECT_EQ(argmax({NAN, 1, 2, 1, 1, 2}, 2, kRight), (std::vector<int32_t>{-1, 0, 1}));
}

}  // namespace
}  // namespace ernie::verify::host
