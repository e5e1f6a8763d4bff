#pragma once

/// What kernels are tried with: what the 21B model calls, what was published, and its sizes.

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/model_operations.h"

namespace ernie::verify::ops {

/// The calls of `op` in a step of ERNIE-4.5-21B-A3B with one token of one sequence, as
/// model_operations() lists them: each combination of shapes once, over all of num_ranks ranks.
std::vector<Operation> model_calls(std::string_view op, int num_ranks = 1);
/// The published checks of `op`.
std::vector<Operation> published_checks(std::string_view op);

/// Of an operation on a cache: its heads, and its sequences.
QkvLayout layout_of(const Operation& operation);
std::vector<QuerySpan> sequences_of(const Operation& operation);
/// The model's heads as 2, 4 and 8 ranks hold them.
const std::vector<QkvLayout>& shard_layouts();

/// Its sizes, for cases that are made of them.
constexpr int64_t kHidden = 2560, kHeads = 20, kKvHeads = 4, kHeadDim = 128;
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
