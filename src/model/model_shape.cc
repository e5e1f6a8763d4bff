#include "model/model_shape.h"

#include <algorithm>

#include "base/check.h"

namespace ernie {
namespace {

/// With no more ranks than key/value heads each rank gets whole groups of query heads. With more,
/// the ranks are divided among the key/value heads and share a head's group: 20 heads over 4
/// key/value heads and 8 ranks are 3, 2, 3, 2, …
void divide_heads(const ModelConfig& config, Shard shard, ModelShape& shape) {
  const int64_t num_kv_heads = config.num_kv_heads, group = config.num_heads / num_kv_heads;
  if (shard.size <= num_kv_heads) {
    shape.kv_heads = split_evenly(num_kv_heads, shard.size, shard.rank);
    shape.heads = {shape.kv_heads.begin * group, shape.kv_heads.end * group};
    return;
  }
  for (int64_t kv_head = 0; kv_head < num_kv_heads; ++kv_head) {
    const IndexRange ranks = split_evenly(shard.size, num_kv_heads, kv_head);
    if (shard.rank >= ranks.end) continue;
    const IndexRange part = split_evenly(group, ranks.size(), shard.rank - ranks.begin);
    shape.heads = {kv_head * group + part.begin, kv_head * group + part.end};
    shape.kv_heads = {kv_head, kv_head + (part.size() > 0 ? 1 : 0)};
    return;
  }
}

}  // namespace

IndexRange split_evenly(int64_t total, int64_t count, int64_t index, int64_t unit) {
  const int64_t units = (total + unit - 1) / unit;
  const int64_t smaller = units / count, num_larger = units % count;
  const auto begin_of = [&](int64_t i) {
    return std::min(total, (i * smaller + std::min(i, num_larger)) * unit);
  };
  return {begin_of(index), begin_of(index + 1)};
}

ModelShape shape_of(const ModelConfig& config, Shard shard, int64_t column_block) {
  ERNIE_CHECK(0 <= shard.rank && shard.rank < shard.size, "rank {} of {}", shard.rank, shard.size);
  ModelShape shape{.head_dim = config.head_dim};
  divide_heads(config, shard, shape);
  shape.intermediate = split_evenly(config.intermediate_size, shard.size, shard.rank, column_block);
  shape.shared_intermediate =
      split_evenly(config.shared_intermediate_size(), shard.size, shard.rank, column_block);
  shape.experts = split_evenly(config.num_experts, shard.size, shard.rank);
  shape.vocabulary = split_evenly(config.vocab_size, shard.size, shard.rank);
  return shape;
}

}  // namespace ernie
