#pragma once

/// Sequences with keys and values in the blocks of a cache, as an engine would leave them after
/// long use: blocks in random order, every slot that is not in use holding NaN.

#include <vector>

#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {

/// One sequence: its context, and how many of its last tokens are queries of this step.
struct SceneSequence {
  int64_t context_len = 0;
  int64_t num_queries = 0;
};

/// The 21B model's heads, and odd ones.
constexpr QkvLayout kModelLayout{kHeads, kKvHeads, kHeadDim};
constexpr QkvLayout kOddLayouts[] = {{4, 2, 16}, {5, 1, 10}, {6, 3, 34}, {1, 1, 2}, {8, 2, 64}};

/// "heads 20/4, dim 128, block 16: 1of17 3of40"
std::string describe(const QkvLayout& layout, int64_t block_size,
                     const std::vector<SceneSequence>& sequences);

/// The numbers of a scene, the same for every backend. Rows are tokens, sequence after sequence.
struct Scene {
  QkvLayout layout;
  std::vector<SceneSequence> sequences;
  std::vector<double> queries;       ///< [all queries, num_heads * head_dim]
  std::vector<double> keys, values;  ///< [all tokens, num_kv_heads * head_dim]

  int64_t kv_size() const { return layout.num_kv_heads * layout.head_dim; }
  int64_t num_tokens() const;
  int64_t num_queries() const;
  int64_t first_token(size_t sequence) const;
  int64_t first_query(size_t sequence) const;
};

/// A query by itself: the sequence, which of its queries, and how many keys it sees.
struct SceneQuery {
  size_t sequence = 0;
  int64_t index = 0;
  int64_t num_keys = 0;
  int64_t row = 0;  ///< in Scene::queries
};
std::vector<SceneQuery> scene_queries(const Scene& scene);

/// A scene in the cache of one backend. What returns a Result fails where the device is lost or has
/// no memory.
class PlacedScene {
 public:
  /// Fills the cache. Scene and backend must outlive the result. act: what qkv rows are uploaded
  /// as. kv: what keys and values are rounded to before, for an oracle that does not round itself;
  /// F64 leaves them. The placing of blocks follows from `seed`. Two layers are used; the other one
  /// holds NaN.
  static Result<PlacedScene> place(const Scene& scene, Backend& backend, DType act, DType kv,
                                   int64_t block_size, uint64_t seed);

  /// The whole step as a ragged batch: [all queries, num_heads * head_dim].
  Result<std::vector<double>> run() const;
  /// The same queries' results, each a sequence of its own with one query.
  Result<std::vector<double>> run(const std::vector<SceneQuery>& queries) const;

 private:
  struct Request {
    size_t sequence;
    int64_t context_len, num_queries, first_query;
  };
  struct Entry {
    int64_t token;  // -1: NaN
    int32_t slot;
  };
  PlacedScene(const Scene& scene, Backend& backend, DType act, int64_t block_size)
      : scene_(scene), backend_(backend), act_(act), block_size_(block_size) {}
  Result<void> deal_blocks(Random& random);
  Result<void> store(DType kv, uint64_t seed);
  Result<void> write_all(std::span<const Entry> entries, DType kv, int64_t layer);
  Result<void> write(std::span<const Entry> entries, DType kv, int64_t layer);
  Result<std::vector<double>> run(const std::vector<Request>& requests) const;

  const Scene& scene_;
  Backend& backend_;
  DType act_;
  int64_t block_size_;
  int64_t max_blocks_ = 1;
  std::vector<std::vector<int32_t>> blocks_;  // of each sequence
  std::unique_ptr<KvCache> cache_;
  int64_t layer_ = 0;
};

}  // namespace ernie::verify::ops
