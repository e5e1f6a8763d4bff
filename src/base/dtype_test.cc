#include "base/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace ernie {
namespace {

TEST(Bf16, EveryValueSurvivesTheWayToFloatAndBack) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const bf16 x{static_cast<uint16_t>(bits)};
    const float wide = to_float(x);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(to_float(to_bf16(wide)))) << bits;
    } else {
      EXPECT_EQ(to_bf16(wide), x) << bits;
    }
  }
}

// Between each two neighbours: the middle goes to the even one, anything beside it to the nearer.
TEST(Bf16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7f7f; ++bits) {
    const uint32_t low = bits << 16, middle = low + 0x8000;
    const bf16 below{static_cast<uint16_t>(bits)}, above{static_cast<uint16_t>(bits + 1)};
    EXPECT_EQ(to_bf16(std::bit_cast<float>(middle - 1)), below);
    EXPECT_EQ(to_bf16(std::bit_cast<float>(middle + 1)), above);
    EXPECT_EQ(to_bf16(std::bit_cast<float>(middle)), bits % 2 == 0 ? below : above);
  }
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()).bits, 0x7f80) << "overflow is infinity";
}

TEST(F16, EveryValueSurvivesTheWayToFloatAndBack) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const f16 x{static_cast<uint16_t>(bits)};
    const float wide = to_float(x);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(to_float(to_f16(wide)))) << bits;
    } else {
      EXPECT_EQ(to_f16(wide), x) << bits;
    }
  }
}

TEST(F16, KnownValues) {
  EXPECT_EQ(to_float(f16{0x3c00}), 1.0f);
  EXPECT_EQ(to_float(f16{0xc000}), -2.0f);
  EXPECT_EQ(to_float(f16{0x7bff}), 65504.0f);
  EXPECT_EQ(to_float(f16{0x0001}), std::ldexp(1.0f, -24));
  EXPECT_EQ(to_f16(65519.0f).bits, 0x7bff);
  EXPECT_EQ(to_f16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_f16(std::ldexp(1.0f, -25)).bits, 0) << "half of the smallest: to even";
  EXPECT_EQ(to_f16(std::ldexp(1.5f, -25)).bits, 1);
}

TEST(DType, NamesAreTheirOwnInverse) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3,
                            DType::kF8E5M2, DType::kI64, DType::kI32, DType::kI16, DType::kI8,
                            DType::kU64, DType::kU32, DType::kU16, DType::kU8, DType::kBool}) {
    EXPECT_EQ(parse_dtype(dtype_name(dtype)), dtype);
  }
  EXPECT_FALSE(parse_dtype("bf16"));
  EXPECT_EQ(dtype_bytes(DType::kBF16), 2u);
}

}  // namespace
}  // namespace ernie
