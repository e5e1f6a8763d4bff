// linear, the norm, silu_mul and add of the host kernels: what they say without a fault, and what
// each fault changes.

#include "verify/faults/host_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "backend/registry.h"
#include "verify/array.h"
#include "verify/error_budget.h"
#include "verify/ops/inputs.h"

namespace ernie::verify::host {
namespace {

/// Nothing is rounded but what the quirk rounds.
Mode with(Quirk quirk) { return {quirk, DType::kF64, DType::kF64}; }
const Mode kRight = with(Quirk::kNone);

Values random_values(int64_t count, uint64_t seed) {
  Random random(seed);
  return ops::make_values(ops::InputClass::kNormal, 1, count, DType::kF32, random);
}

void expect_near(const Values& got, const Values& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

/// The first `columns` of each row of a matrix that has `all`.
Values left_part(const Values& matrix, size_t all, size_t columns) {
  Values part;
  for (size_t begin = 0; begin < matrix.size(); begin += all) {
    part.insert(part.end(), &matrix[begin], &matrix[begin] + columns);
  }
  return part;
}

TEST(HostLinear, AgreesWithTheReferenceAtOddSizes) {
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  const Values x = random_values(3 * 37, 1), w = random_values(5 * 37, 2);
  const HostMatrix matrix = ops::host_matrix(w, {5, 37}, DType::kF32);
  const OperandPtr weight = oracle->prepare_matrix({&matrix, 1}, MatrixUse::kLinear).value();
  const Array in = upload(*oracle, x, {3, 37}, DType::kF64).value();
  const Array out = poisoned(*oracle, {3, 5}, DType::kF64).value();
  oracle->linear(in.tensor, *weight, out.tensor);
  expect_near(linear(x, w, 37, kRight), download(*oracle, out.tensor).value(), 1e-13);
}

// x [2, 3], w [2, 3]
const Values kX{1, 2, 3, 4, 5, 6}, kW{1, 0, -1, 2, 1, 0};

TEST(HostLinear, IsTheProductWithTheTranspose) {
  EXPECT_EQ(linear(kX, kW, 3, kRight), (Values{-2, 4, -2, 13}));
}

TEST(HostLinear, QuirksOfTheWholeResult) {
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kZeros)), Values(4));
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kColumnsShifted)), (Values{4, -2, 13, -2}));
  // The bytes of w as [3, 2]: 1 0 / -1 2 / 1 0.
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kTransposed)), (Values{2, 4, 5, 10}));
  expect_near(linear(kX, kW, 3, with(Quirk::kGain)), {-2.004, 4.008, -2.004, 13.026}, 1e-12);
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kLastKDropped)), (Values{1, 4, 4, 13}));
}

TEST(HostLinear, ADroppedTileLeavesTheProductOverTheRest) {
  const Values x = random_values(2 * 37, 3), w = random_values(4 * 37, 4);
  EXPECT_EQ(linear(x, w, 37, with(Quirk::kLastTileDropped)),
            linear(left_part(x, 37, 21), left_part(w, 37, 21), 21, kRight));
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kLastTileDropped)), Values(4));
}

TEST(HostLinear, AStaleRowIsTheLastOneAndNeedsAnother) {
  EXPECT_EQ(linear(kX, kW, 3, with(Quirk::kStaleRow)), (Values{-2, 4, -2, 4}));
  EXPECT_EQ(linear({4, 5, 6}, kW, 3, with(Quirk::kStaleRow)), (Values{-2, 13}));
}

TEST(HostLinear, OneElementIsOne) {
  const Values x = random_values(3 * 9, 5), w = random_values(7 * 9, 6);
  const Values right = linear(x, w, 9, kRight), got = linear(x, w, 9, with(Quirk::kOneElement));
  size_t num_different = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    if (got[i] == right[i]) continue;
    ++num_different;
    EXPECT_DOUBLE_EQ(got[i], 1.03 * right[i]);
  }
  EXPECT_EQ(num_different, 1u);
}

TEST(HostLinear, NarrowInputsLoseBitsThatBfloat16DoesNotHave) {
  const auto of = [](double x, Quirk quirk) { return linear({x}, {1}, 1, with(quirk))[0]; };
  EXPECT_EQ(of(1 + 0x1p-10, Quirk::kTf32), 1 + 0x1p-10);
  EXPECT_EQ(of(1 + 0x1p-11, Quirk::kTf32), 1);
  EXPECT_EQ(of(1 + 0x1p-11, Quirk::kHf32), 1 + 0x1p-11);
  EXPECT_EQ(of(1 + 0x1p-12, Quirk::kHf32), 1);
  EXPECT_EQ(linear({1}, {1 + 0x1p-11}, 1, with(Quirk::kTf32))[0], 1);
  for (const double x : {1 + 0x1p-7, -0x1.fep100, 0x1p-133}) EXPECT_EQ(of(x, Quirk::kTf32), x);
}

// 257 needs nine bits: as a partial sum in bfloat16 it is 256, and so is 256 + 1.
TEST(HostLinear, PartialSumsInBfloat16) {
  Values w(65, 4.0);
  w[0] = 5;
  w[64] = 1;
  const Values x(65, 1.0);
  EXPECT_EQ(linear(x, w, 65, with(Quirk::kBf16Partials))[0], 256);
  EXPECT_EQ(linear(x, w, 65, kRight)[0], 258);
  const Values ones(8, 1.0), parts{256, 1, 1, 0, 0, 0, 0, 0};  // quarters of 257, 1, 0 and 0
  EXPECT_EQ(linear(ones, parts, 8, with(Quirk::kBf16SplitK))[0], 256);
  EXPECT_EQ(linear(ones, parts, 8, with(Quirk::kBf16Partials))[0], 258);
}

TEST(HostLinear, AnotherOrderShowsInASingleRowAlone) {
  const Values x{1, 1, 1, 1, 1, 1}, w{0x1p24, 1, -0x1p24};
  EXPECT_EQ(linear({1, 1, 1}, w, 3, with(Quirk::kOtherOrderAlone)), Values{0});
  EXPECT_EQ(linear(x, w, 3, with(Quirk::kOtherOrderAlone)), (Values{1, 1}));
}

TEST(HostLinear, RoundsOnceToTheTypeOfTheResult) {
  const Values x{1, 0x1.8p-7, 0x1p-40};  // just beyond halfway between 1 + 2^-7 and 1 + 2^-6
  const Values w{1, 1, 1};
  const auto stored = [&](Quirk quirk) {
    return linear(x, w, 3, {quirk, DType::kBF16, DType::kBF16})[0];
  };
  EXPECT_EQ(stored(Quirk::kNone), 1 + 0x1p-6);
  EXPECT_EQ(stored(Quirk::kTruncatingStore), 1 + 0x1p-7);
}

/// Cutting the lower half of a float32 is what a truncating store to bfloat16 does.
double cut(float x) {
  return static_cast<double>(std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0xffff0000u));
}

TEST(HostTruncation, CutsTheLowerHalfOfAFloat) {
  Random random(7);
  for (int i = 0; i < 100000; ++i) {
    const auto x = static_cast<float>(random.normal() * std::exp2(random.between(-148, 125)));
    ASSERT_EQ(truncated_to(DType::kBF16, static_cast<double>(x)), cut(x)) << x;
    ASSERT_EQ(truncated_to(DType::kBF16, cut(x)), cut(x)) << "what is representable stays";
  }
  EXPECT_EQ(truncated_to(DType::kBF16, 0x1.ffp127), 0x1.fep127);  // would round to infinity
  EXPECT_EQ(truncated_to(DType::kBF16, -INFINITY), -INFINITY);
  EXPECT_TRUE(std::isnan(truncated_to(DType::kBF16, NAN)));
}

TEST(HostTruncation, ToFloat32IsTheFloatNotBeyond) {
  EXPECT_EQ(truncated_to(DType::kF32, 2 - 0x1p-30), 2 - 0x1p-23);
  EXPECT_EQ(truncated_to(DType::kF32, -(1 + 0x1.fp-23)), -(1 + 0x1p-23));
  EXPECT_EQ(truncated_to(DType::kF64, 2 - 0x1p-30), 2 - 0x1p-30);
}

TEST(HostNorm, OfTwoNumbers) {
  const Values x{3, 4}, weight{1, 2};  // mean of the squares 12.5
  const double scale = 1 / std::sqrt(12.5);
  expect_near(norm(x, weight, 0, kRight), {3 * scale, 8 * scale}, 1e-15);
  expect_near(norm(x, weight, 12.5f, kRight), {0.6, 1.6}, 1e-15);  // 1 / sqrt(25)
  const double tenth = 1 / std::sqrt(13.75);
  expect_near(norm(x, weight, 12.5f, with(Quirk::kEpsilonTenth)), {3 * tenth, 8 * tenth}, 1e-15);
  expect_near(norm(x, weight, 12.5f, with(Quirk::kGain)), {0.6012, 1.6032}, 1e-12);
  expect_near(norm(x, weight, 0, with(Quirk::kMeanSubtracted)), {-1, 2}, 1e-15);
}

TEST(HostNorm, AShortMeanNeedsMoreThanATile) {
  const auto first = [](size_t width, Quirk quirk) {
    return norm(Values(width, 1.0), Values(width, 1.0), 0, with(quirk))[0];
  };
  EXPECT_DOUBLE_EQ(first(20, Quirk::kShortMean), 1 / std::sqrt(5.0));  // 20 squares over 4
  EXPECT_EQ(first(16, Quirk::kShortMean), 1);
  EXPECT_EQ(first(20, Quirk::kNone), 1);
}

// 1 / sqrt(2.5) is 0.632455…, in bfloat16 0.6328125; times 65/64 that is 164.5 and 164.4 units.
TEST(HostNorm, InBfloat16RoundsBeforeTheWeightAndAfterIt) {
  const auto normed = [](Quirk quirk) {
    return norm({1, 2}, {1.015625, 1.015625}, 0, {quirk, DType::kBF16, DType::kBF16});
  };
  EXPECT_EQ(normed(Quirk::kNone), (Values{0.64453125, 1.2890625}));
  EXPECT_EQ(normed(Quirk::kWeightBeforeRounding), (Values{0.640625, 1.28125}));
}

TEST(HostSiluMul, OfTwoNumbers) {
  const double three = std::log(3.0);  // its sigmoid is 3/4
  const Values gate_up{0, three, 5, 4};
  const auto got = [&](Quirk quirk) { return silu_mul(gate_up, 2, with(quirk)); };
  expect_near(got(Quirk::kNone), {0, 3 * three}, 1e-15);
  expect_near(got(Quirk::kNoSilu), {0, 4 * three}, 1e-15);
  EXPECT_EQ(got(Quirk::kGateUpSwapped), silu_mul({5, 4, 0, three}, 2, kRight));
  const double narrow_third = 171.0 / 512;  // exp(-log 3) in bfloat16
  expect_near(got(Quirk::kBf16Exponential), {0, 4 * three / (1 + narrow_third)}, 1e-14);
  expect_near(silu_mul({three / 1.702, 2}, 1, with(Quirk::kGeluLike)), {1.5 * three / 1.702},
              1e-15);
}

TEST(HostAdd, AndItsQuirks) {
  const Values x{256, -1.5}, y{1, 0.25};
  EXPECT_EQ(add(x, y, kRight), (Values{257, -1.25}));
  EXPECT_EQ(add(x, y, with(Quirk::kSecondMissing)), x);
  EXPECT_EQ(add(x, y, with(Quirk::kBf16Sum)), (Values{256, -1.25}));
  expect_near(add(x, y, with(Quirk::kGain)), {257.514, -1.2525}, 1e-12);
  EXPECT_EQ(add(x, y, {Quirk::kNone, DType::kBF16, DType::kBF16}), (Values{256, -1.25}));
}

}  // namespace
}  // namespace ernie::verify::host
