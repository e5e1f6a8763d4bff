#pragma once

/// The largest and smallest of a row of floats, a block at a time, and whether all can be used.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace ernie {

inline constexpr size_t kRowBlock = 256;  ///< values looked at together

struct BlockRange {
  float min, max;
  bool valid;  ///< no NaN and no +inf; otherwise min and max mean nothing
};

/// Bits of a float as an integer of the same order, -NaN below -inf and NaN above +inf; its own
/// inverse. Compilers vectorise the minimum of integers, but of floats only where NaN is ruled out.
inline int32_t order_key(int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }

inline BlockRange block_range(std::span<const float> block) {
  int32_t min = std::numeric_limits<int32_t>::max(), max = std::numeric_limits<int32_t>::min();
  for (const float x : block) {
    const int32_t key = order_key(std::bit_cast<int32_t>(x));
    min = key < min ? key : min;
    max = key > max ? key : max;
  }
  const BlockRange range{std::bit_cast<float>(order_key(min)), std::bit_cast<float>(order_key(max)),
                         false};
  const bool valid = range.max <= std::numeric_limits<float>::max() &&
                     range.min >= -std::numeric_limits<float>::infinity();
  return {range.min, range.max, valid};
}

}  // namespace ernie
