#include <algorithm>
#include <cmath>

#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {
namespace {

/// Writes `values` (head_dim of them, from a qkv row) to a cached head.
void copy_head(const Row& row, int64_t offset, const Tensor& head) {
  const auto begin = row.begin() + offset;
  write_row(head, 0, Row(begin, begin + head.dim(1)));
}

/// Attention of one query head over the keys in `slots`, in order.
Row attend(const Row& query, const std::vector<int64_t>& slots, const ReferenceKvCache& cache,
           int64_t layer, int64_t kv_head, DType act) {
  // The scale is a float32 number in the original, and the score is stored before it is applied.
  const DType wide = arithmetic_of(act);
  const double scale = rounded(wide, 1.0 / std::sqrt(static_cast<double>(query.size())));
  Row scores;
  for (const int64_t slot : slots) {
    const Row key = read_row(cache.key(layer, slot, kv_head), 0);
    double dot = 0;
    for (size_t i = 0; i < key.size(); ++i) {
      dot += query[i] * key[i];
    }
    scores.push_back(rounded(act, rounded(wide, rounded(act, dot) * scale)));
  }
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - max);
  Row out(query.size());
  for (size_t n = 0; n < slots.size(); ++n) {
    const double probability = rounded(act, std::exp(scores[n] - max) / sum);
    const Row value = read_row(cache.value(layer, slots[n], kv_head), 0);
    for (size_t i = 0; i < out.size(); ++i) out[i] += probability * value[i];
  }
  return out;
}

}  // namespace

void ReferenceBackend::do_store_kv(const Tensor& qkv, const QkvLayout& layout,
                                   const Tensor& slot_mapping, KvCache& kv, int64_t layer) {
  const ReferenceKvCache& cache = static_cast<const ReferenceKvCache&>(kv);
  for (int64_t t = 0; t < qkv.dim(0); ++t) {
    const Row row = read_row(qkv, t);
    const int64_t slot = slot_mapping.ptr<int32_t>()[t];
    for (int64_t h = 0; h < layout.num_kv_heads; ++h) {
      copy_head(row, layout.key_offset() + h * layout.head_dim, cache.key(layer, slot, h));
      copy_head(row, layout.value_offset() + h * layout.head_dim, cache.value(layer, slot, h));
    }
  }
}

void ReferenceBackend::do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& kv,
                                    int64_t layer, const AttentionBatch& batch, const Tensor& out) {
  const ReferenceKvCache& cache = static_cast<const ReferenceKvCache&>(kv);
  const int64_t block_size = cache.shape().block_size;
  const int64_t group = layout.num_heads / layout.num_kv_heads;
  for (int64_t s = 0; s < batch.num_seqs(); ++s) {
    const std::span<const int32_t> blocks = batch.block_tables.row<int32_t>(s);
    const int64_t begin = batch.query_start.ptr<int32_t>()[s];
    const int64_t end = batch.query_start.ptr<int32_t>()[s + 1];
    for (int64_t t = begin; t < end; ++t) {
      const int64_t num_keys = batch.context_lens.ptr<int32_t>()[s] - (end - 1 - t);
      std::vector<int64_t> slots;
      for (int64_t n = 0; n < num_keys; ++n) {
        slots.push_back(blocks[static_cast<size_t>(n / block_size)] * block_size + n % block_size);
      }
      const Row row = read_row(qkv, t);
      Row heads;
      for (int64_t h = 0; h < layout.num_heads; ++h) {
        const auto query = row.begin() + h * layout.head_dim;
        const Row head =
            attend({query, query + layout.head_dim}, slots, cache, layer, h / group, out.dtype);
        heads.insert(heads.end(), head.begin(), head.end());
      }
      write_row(out, t, heads);
    }
  }
}

}  // namespace ernie::reference
