#pragma once

/// The widths of ERNIE-4.5-21B-A3B, and the numbers of tokens that kernels are tried with.

#include <cstdint>
#include <vector>

namespace ernie::verify::ops {

constexpr int64_t kHidden = 2560, kHeads = 20, kKvHeads = 4, kHeadDim = 128;
constexpr int64_t kQkv = (kHeads + 2 * kKvHeads) * kHeadDim;
constexpr int64_t kDense = 12288, kExpertWidth = 1536, kSharedWidth = 3072;
constexpr int64_t kExperts = 64, kChosenExperts = 6;
constexpr int64_t kVocabulary = 103424, kMaxPosition = 131072;
constexpr double kRopeTheta = 500000;
constexpr float kNormEps = 1e-5f, kMoeNormMin = 1e-12f;

/// One, around the tiles of kernels, and primes between.
inline std::vector<int64_t> small_token_counts() { return {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33}; }
inline std::vector<int64_t> large_token_counts() {
  return {63, 64, 65, 127, 128, 129, 256, 1000, 2048};
}

}  // namespace ernie::verify::ops
