#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ernie {

/// Element types that a checkpoint or an activation can have. Names are those of safetensors.
enum class DType : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
};

size_t dtype_bytes(DType dtype);
/// "F32", "BF16", …
std::string_view dtype_name(DType dtype);
/// The inverse of dtype_name; nothing for an unknown name.
std::optional<DType> parse_dtype(std::string_view name);

/// The upper half of an IEEE binary32. Storage only: arithmetic happens in float.
struct bf16 {
  uint16_t bits;
  friend bool operator==(bf16, bf16) = default;
};

/// IEEE binary16, storage only.
struct f16 {
  uint16_t bits;
  friend bool operator==(f16, f16) = default;
};

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }
float to_float(f16 x);

/// Round to nearest, ties to even; NaN stays NaN (quiet), overflow becomes infinity.
inline bf16 to_bf16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
f16 to_f16(float x);

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::kF32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::kF64;
}
template <>
constexpr DType dtype_of<bf16>() {
  return DType::kBF16;
}
template <>
constexpr DType dtype_of<f16>() {
  return DType::kF16;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::kI32;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::kI64;
}
template <>
constexpr DType dtype_of<uint16_t>() {
  return DType::kU16;
}

}  // namespace ernie
