#pragma once

#include <array>
#include <cstdint>

namespace ernie {

/// Philox4x32-10 (Salmon et al., SC 2011): 128 random bits as a pure function of (seed, stream,
/// counter), so a draw is the same wherever and whenever it is made.
std::array<uint32_t, 4> philox(uint64_t seed, uint64_t stream, uint64_t counter);

/// Uniform in [0, 1), 53 bits.
double philox_uniform(uint64_t seed, uint64_t stream, uint64_t counter);

/// Two independent standard normal values.
std::array<float, 2> philox_normal(uint64_t seed, uint64_t stream, uint64_t counter);

}  // namespace ernie
