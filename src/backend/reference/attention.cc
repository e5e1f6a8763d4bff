#include <algorithm>
#include <cmath>

#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {
namespace {

std::span<const double> head_of(const Row& row, int64_t offset, int64_t head_dim) {
  return std::span(row).subspan(static_cast<size_t>(offset), static_cast<size_t>(head_dim));
}

/// Attention of one query head over the keys in room.slots, in order.
void attend(std::span<const double> query, const ReferenceKvCache& cache, int64_t layer,
            int64_t kv_head, DType act, Room& room, std::span<double> out) {
  // The scale is a float32 number in the original, and the score is stored before it is applied.
  const DType wide = arithmetic_of(act);
  const double scale = rounded(wide, 1.0 / std::sqrt(static_cast<double>(query.size())));
  Row& scores = room.scores;
  scores.clear();
  for (const int64_t slot : room.slots) {
    const Row& key = read_row(cache.key(layer, slot, kv_head), 0, room.other);
    double dot = 0;
    for (size_t i = 0; i < key.size(); ++i) {
      dot += query[i] * key[i];
    }
    scores.push_back(rounded(act, rounded(wide, rounded(act, dot) * scale)));
  }
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - max);
  std::fill(out.begin(), out.end(), 0.0);
  for (size_t n = 0; n < scores.size(); ++n) {
    const double probability = rounded(act, std::exp(scores[n] - max) / sum);
    const Row& value = read_row(cache.value(layer, room.slots[n], kv_head), 0, room.other);
    for (size_t i = 0; i < out.size(); ++i) out[i] += probability * value[i];
  }
}

}  // namespace

void ReferenceBackend::do_copy_kv(KvCache& kv, std::span<const KvCopy> copies) {
  const ReferenceKvCache& cache = static_cast<const ReferenceKvCache&>(kv);
  const KvCacheShape& shape = cache.shape();
  const auto copy_row = [](const Tensor& from, const Tensor& to) {
    std::memcpy(to.data, from.data, to.num_bytes());
  };
  for (const KvCopy& copy : copies) {
    for (int64_t i = 0; i < copy.count; ++i) {
      for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
        for (int64_t h = 0; h < shape.num_kv_heads; ++h) {
          copy_row(cache.key(layer, copy.from + i, h), cache.key(layer, copy.to + i, h));
          copy_row(cache.value(layer, copy.from + i, h), cache.value(layer, copy.to + i, h));
        }
      }
    }
  }
}

void ReferenceBackend::do_store_kv(const Tensor& qkv, const QkvLayout& layout,
                                   const Tensor& slot_mapping, KvCache& kv, int64_t layer) {
  const ReferenceKvCache& cache = static_cast<const ReferenceKvCache&>(kv);
  const int64_t dim = layout.head_dim;
  for (int64_t t = 0; t < qkv.dim(0); ++t) {
    const Row& row = read_row(qkv, t, room_.row);
    const int64_t slot = slot_mapping.ptr<int32_t>()[t];
    for (int64_t h = 0; h < layout.num_kv_heads; ++h) {
      write_row(cache.key(layer, slot, h), 0, head_of(row, layout.key_offset() + h * dim, dim));
      write_row(cache.value(layer, slot, h), 0, head_of(row, layout.value_offset() + h * dim, dim));
    }
  }
}

void ReferenceBackend::do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& kv,
                                    int64_t layer, const AttentionBatch& batch, const Tensor& out) {
  const ReferenceKvCache& cache = static_cast<const ReferenceKvCache&>(kv);
  const int64_t block_size = cache.shape().block_size;
  const int64_t group = layout.num_heads / layout.num_kv_heads, dim = layout.head_dim;
  Room& room = room_;
  // For the longest context that there can be, as that of each step is longer than the last one's.
  room.slots.reserve(static_cast<size_t>(batch.block_tables.dim(1) * block_size));
  room.scores.reserve(room.slots.capacity());
  room.out.resize(static_cast<size_t>(layout.q_size()));
  for (int64_t s = 0; s < batch.num_seqs(); ++s) {
    const std::span<const int32_t> blocks = batch.block_tables.row<int32_t>(s);
    const int64_t begin = batch.query_start.ptr<int32_t>()[s];
    const int64_t end = batch.query_start.ptr<int32_t>()[s + 1];
    for (int64_t t = begin; t < end; ++t) {
      const int64_t num_keys = batch.context_lens.ptr<int32_t>()[s] - (end - 1 - t);
      room.slots.clear();
      for (int64_t n = 0; n < num_keys; ++n) {
        const int64_t block = blocks[static_cast<size_t>(n / block_size)];
        room.slots.push_back(block * block_size + n % block_size);
      }
      const Row& row = read_row(qkv, t, room.row);
      for (int64_t h = 0; h < layout.num_heads; ++h) {
        const std::span<double> head(room.out.data() + h * dim, static_cast<size_t>(dim));
        attend(head_of(row, h * dim, dim), cache, layer, h / group, out.dtype, room, head);
      }
      write_row(out, t, room.out);
    }
  }
}

}  // namespace ernie::reference
