#pragma once

#include "backend/communicator.h"
#include "backend/operands.h"
#include "checkpoint/model_config.h"

namespace ernie {

/// Indices [begin, end).
struct IndexRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

/// The part of a model that one rank holds and computes. Sizes without "num_" of the whole model
/// stay in ModelConfig; norms, router and bias are on every rank. A range may be empty: then the
/// rank adds nothing there.
struct ModelShape {
  /// Query heads, and the key/value heads that they read. Every key/value head of a rank serves
  /// equally many of its query heads, as kernels expect; a key/value head may be on several ranks.
  IndexRange heads, kv_heads;
  int64_t head_dim = 0;
  IndexRange intermediate;         ///< of a dense MLP
  IndexRange shared_intermediate;  ///< of the shared expert
  IndexRange experts;              ///< routed ones, each as a whole
  IndexRange vocabulary;           ///< rows of the embedding and of the head

  QkvLayout qkv_layout() const { return {heads.size(), kv_heads.size(), head_dim}; }
};

/// Part `index` of [0, total) in `count` parts of whole units, as even as can be, larger ones
/// first.
IndexRange split_evenly(int64_t total, int64_t count, int64_t index, int64_t unit = 1);

/// What `shard` holds. column_block: elements that a weight format stores together, which columns
/// of a matrix are cut between. 0 <= rank < size.
ModelShape shape_of(const ModelConfig& config, Shard shard, int64_t column_block = 1);

}  // namespace ernie
