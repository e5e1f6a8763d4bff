#pragma once

/// Whether two sides choose the same experts, and whether rounding excuses it where they do not.

#include <cstdint>
#include <set>
#include <vector>

#include "verify/model/trace.h"

namespace ernie::verify::model {

/// Of one layer, over the tokens that were added.
struct RoutingAgreement {
  int64_t num_decisions = 0;  ///< tokens
  int64_t num_different = 0;  ///< sets of experts that are not the same
  int64_t num_wrong = 0;      ///< of these, beyond what the difference of the logits explains
  double largest_margin = 0;  ///< between the keys of experts on which both sides differ
  double smallest_gap = 1;    ///< of the truth, last chosen to first rejected key
  double worst_excess = 0;    ///< largest margin / explained margin of a difference
  int64_t worst_token = -1;
  std::set<int64_t> experts_met;  ///< by the truth: the weights of others were not looked at

  void add(const RoutingAgreement& more);
};

/// The routers' inputs and answers of one layer: logits [T, E], ids [T, k].
struct RoutingSide {
  const Values& logits;
  const Values& ids;
};

/// Keys are softmax(truth logits) + bias. When the logits differ by at most d, a probability p
/// moves by at most 2 p d to first order, and a key by that and its own float32 rounding; two
/// experts can change places if their keys are no farther apart than both may move.
RoutingAgreement compare_routing(const RoutingSide& got, const RoutingSide& want,
                                 const std::vector<float>& bias);

/// Rows of `got` whose experts are the truth's, their weights in the truth's order; the other rows
/// are left out of both results.
struct AlignedWeights {
  Values got, want;
};
AlignedWeights align_weights(const Values& got_ids, const Values& got_weights,
                             const Values& want_ids, const Values& want_weights);

/// Tokens before the first whose experts differ.
int64_t num_tokens_alike(const Values& got_ids, const Values& want_ids);

}  // namespace ernie::verify::model
