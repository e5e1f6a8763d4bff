#include "base/dtype.h"

#include <array>
#include <cmath>

#include "base/check.h"

namespace ernie {
namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  size_t bytes;
};

constexpr std::array kDTypes{
    DTypeInfo{DType::kF64, "F64", 8},        DTypeInfo{DType::kF32, "F32", 4},
    DTypeInfo{DType::kF16, "F16", 2},        DTypeInfo{DType::kBF16, "BF16", 2},
    DTypeInfo{DType::kF8E4M3, "F8_E4M3", 1}, DTypeInfo{DType::kF8E5M2, "F8_E5M2", 1},
    DTypeInfo{DType::kI64, "I64", 8},        DTypeInfo{DType::kI32, "I32", 4},
    DTypeInfo{DType::kI16, "I16", 2},        DTypeInfo{DType::kI8, "I8", 1},
    DTypeInfo{DType::kU64, "U64", 8},        DTypeInfo{DType::kU32, "U32", 4},
    DTypeInfo{DType::kU16, "U16", 2},        DTypeInfo{DType::kU8, "U8", 1},
    DTypeInfo{DType::kBool, "BOOL", 1}};

const DTypeInfo& info(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  ERNIE_CHECK(index < kDTypes.size() && kDTypes[index].dtype == dtype, "dtype {}", index);
  return kDTypes[index];
}

}  // namespace

size_t dtype_bytes(DType dtype) { return info(dtype).bytes; }
std::string_view dtype_name(DType dtype) { return info(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (const DTypeInfo& entry : kDTypes) {
    if (entry.name == name) return entry.dtype;
  }
  return std::nullopt;
}

float to_float(f16 x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
  const uint32_t exponent = (x.bits >> 10) & 0x1fu;
  const uint32_t mantissa = x.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -magnitude : magnitude;
}

f16 to_f16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u)
    return {static_cast<uint16_t>(sign | 0x7c00u)};  // rounds to >= 65536
  if (magnitude < 0x38800000u) {  // subnormal: the quantum is 2^-24, and nearbyint rounds to even
    const float scaled = std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24));
    return {static_cast<uint16_t>(sign | static_cast<uint16_t>(scaled))};
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

}  // namespace ernie
