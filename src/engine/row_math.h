#pragma once

/// Arithmetic over one row of logits, shared by the sampler and the log-probabilities.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/result.h"
#include "base/row_range.h"

namespace ernie {

/// Smaller ones have no exponential that matters; this one's is 1e-35.
inline constexpr float kLeastExponent = -80.0f;

/// Apart from the exponential, because a compiler vectorises a loop over either, not over both.
inline float clamp_exponent(float x) { return x < kLeastExponent ? kLeastExponent : x; }

/// e^x for x from kLeastExponent to 0 within 1.25 units in the last place. Additions and
/// multiplications in a fixed order, so the same bits everywhere: std::exp differs between
/// libraries and processors.
inline float exp_nonpositive(float x) {
  constexpr float kLog2E = 0x1.715476p+0f;
  constexpr float kLn2High = 0x1.63p-1f, kLn2Low = -0x1.bd0106p-13f;
  constexpr float kToInteger = 0x1.8p23f;  // adding it leaves round(value) in the low mantissa bits
  const float shifted = x * kLog2E + kToInteger;
  const float n = shifted - kToInteger;
  const float r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2) / 2
  float p = 1.0f / 5040;                             // 1 / 7!, the Taylor series
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) +
                              (std::bit_cast<uint32_t>(shifted) << 23));
}

/// The error of a row that has an invalid block.
inline Error invalid_logits_error(std::span<const float> logits) {
  const auto at = std::find_if(logits.begin(), logits.end(),
                               [](float x) { return !(x <= std::numeric_limits<float>::max()); });
  return make_error(ErrorCode::kCorruptData, "logits: got {} for token {}, expected finite or -inf",
                    *at, at - logits.begin());
}

inline Error no_candidate_error() {
  return make_error(ErrorCode::kCorruptData,
                    "logits: got -inf for every token that may follow, expected a finite one");
}

}  // namespace ernie
