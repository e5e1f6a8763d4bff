#pragma once

#include <cstdint>

namespace ernie::cpu::portable {

/// 16 float32 lanes in plain C++. lanes_avx2.h and lanes_avx512.h have the same functions and bits.
struct Lanes {
  float v[16];
};

inline float fma_scalar(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

inline uint32_t bits_of(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
inline float float_of(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}

template <typename F>
inline Lanes each(F f) {
  Lanes out;
  for (int i = 0; i < 16; ++i) out.v[i] = f(i);
  return out;
}

inline Lanes broadcast(float x) {
  return each([&](int) { return x; });
}
inline Lanes load(const float* p) {
  return each([&](int i) { return p[i]; });
}
inline Lanes load(const uint16_t* p) {
  return each([&](int i) { return float_of(static_cast<uint32_t>(p[i]) << 16); });
}
inline void store(float* p, const Lanes& a) {
  for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
inline Lanes add(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline Lanes sub(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline Lanes mul(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline Lanes div(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] / b.v[i]; });
}
/// a * b + c with one rounding
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  return each([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
/// The second operand if they do not compare, as the x86 instructions have it.
inline Lanes max(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline Lanes min(const Lanes& a, const Lanes& b) {
  return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
/// 2^n where the low bits of x hold n (see exp in kernel_bodies.h)
inline Lanes pow2_of_low_bits(const Lanes& x) {
  return each([&](int i) { return float_of((bits_of(x.v[i]) << 23) + 0x3f800000u); });
}
/// ((0+8)+(4+12)) + …: lane i with i+8, then +4, +2, +1
inline float sum_lanes(const Lanes& a) {
  float s[16];
  for (int i = 0; i < 16; ++i) s[i] = a.v[i];
  for (int half = 8; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) s[i] = s[i] + s[i + half];
  }
  return s[0];
}
inline float max_lanes(const Lanes& a) {
  float m = a.v[0];
  for (int i = 1; i < 16; ++i) m = a.v[i] > m ? a.v[i] : m;
  return m;
}

constexpr int kTileRows = 2, kTileTokens = 2;

}  // namespace ernie::cpu::portable
