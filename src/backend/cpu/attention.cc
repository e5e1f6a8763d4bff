#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/cpu_context.h"

namespace ernie::cpu {
namespace {

void store_head(const float* source, int64_t n, float* target) {
  std::memcpy(target, source, static_cast<size_t>(n) * sizeof(float));
}

void store_head(const float* source, int64_t n, uint16_t* target) {
  for (int64_t i = 0; i < n; ++i) target[i] = to_bf16(source[i]).bits;
}

template <typename T>
void store_kv_as(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                 const CpuKvCache& cache, int64_t layer) {
  const int64_t block_size = cache.shape().block_size, dim = layout.head_dim;
  for (int64_t t = 0; t < qkv.dim(0); ++t) {
    const float* row = qkv.ptr<float>() + t * layout.row_size();
    const int64_t slot = slot_mapping.ptr<int32_t>()[t];
    const int64_t block = slot / block_size, offset = slot % block_size * dim;
    for (int64_t h = 0; h < layout.num_kv_heads; ++h) {
      store_head(row + layout.key_offset() + h * dim, dim, cache.keys<T>(layer, block, h) + offset);
      store_head(row + layout.value_offset() + h * dim, dim,
                 cache.values<T>(layer, block, h) + offset);
    }
  }
}

template <typename T>
void copy_kv_as(const CpuKvCache& cache, const KvCopy& copy) {
  const KvCacheShape& shape = cache.shape();
  const int64_t from = copy.from / shape.block_size, to = copy.to / shape.block_size;
  const int64_t from_offset = copy.from % shape.block_size * shape.head_dim;
  const int64_t to_offset = copy.to % shape.block_size * shape.head_dim;
  const int64_t count = copy.count * shape.head_dim;
  for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
    for (int64_t h = 0; h < shape.num_kv_heads; ++h) {
      std::copy_n(cache.keys<T>(layer, from, h) + from_offset, count,
                  cache.keys<T>(layer, to, h) + to_offset);
      std::copy_n(cache.values<T>(layer, from, h) + from_offset, count,
                  cache.values<T>(layer, to, h) + to_offset);
    }
  }
}

// The element type of the cache picks the kernel.
auto matmul_kernel(const Kernels& kernels, const float*) { return kernels.matmul_f32; }
auto matmul_kernel(const Kernels& kernels, const uint16_t*) { return kernels.matmul_bf16; }
auto accumulate_kernel(const Kernels& kernels, const float*) { return kernels.accumulate_f32; }
auto accumulate_kernel(const Kernels& kernels, const uint16_t*) { return kernels.accumulate_bf16; }

/// One token's queries that share a key/value head, and the context they see.
struct HeadGroup {
  const float* queries;  // [num_queries, head_dim]
  int64_t num_queries;
  float* out;  // [num_queries, head_dim]
  int64_t layer;
  int64_t kv_head;
  const int32_t* blocks;
  int64_t num_keys;
};

/// Keys in order of position: scores of all, softmax, weighted sum. The order is that of the
/// context, whatever blocks hold it. Room: scores [num_queries, num_keys], sums [num_queries].
template <typename T>
void attend(const Kernels& kernels, const CpuKvCache& cache, const HeadGroup& group, float* scores,
            float* sums) {
  const int64_t block_size = cache.shape().block_size, dim = cache.shape().head_dim;
  const auto for_each_block = [&](auto body) {
    for (int64_t n = 0; n < group.num_keys; n += block_size) {
      body(n, std::min(block_size, group.num_keys - n), group.blocks[n / block_size]);
    }
  };
  const auto matmul = matmul_kernel(kernels, static_cast<const T*>(nullptr));
  for_each_block([&](int64_t n, int64_t count, int64_t block) {
    matmul(group.queries, dim, group.num_queries, cache.keys<T>(group.layer, block, group.kv_head),
           count, dim, scores + n, group.num_keys);
  });
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  std::fill(group.out, group.out + group.num_queries * dim, 0.0f);
  for (int64_t q = 0; q < group.num_queries; ++q) {
    sums[q] = kernels.softmax_numerators(scores + q * group.num_keys, group.num_keys, scale);
  }
  // A block's values serve all queries while they are in the nearest cache: a long context is read
  // once.
  const auto accumulate = accumulate_kernel(kernels, static_cast<const T*>(nullptr));
  for_each_block([&](int64_t n, int64_t count, int64_t block) {
    const T* values = cache.values<T>(group.layer, block, group.kv_head);
    for (int64_t q = 0; q < group.num_queries; ++q) {
      accumulate(scores + q * group.num_keys + n, count, values, dim, group.out + q * dim);
    }
  });
  for (int64_t q = 0; q < group.num_queries; ++q) {
    for (int64_t i = 0; i < dim; ++i) group.out[q * dim + i] /= sums[q];
  }
}

/// Writes the sequence that each query token belongs to.
void find_sequences(const AttentionBatch& batch, int32_t* sequence_of_token) {
  const auto* start = batch.query_start.ptr<int32_t>();
  for (int64_t s = 0; s < batch.num_seqs(); ++s) {
    std::fill(sequence_of_token + start[s], sequence_of_token + start[s + 1],
              static_cast<int32_t>(s));
  }
}

}  // namespace

void store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
              const CpuKvCache& cache, int64_t layer) {
  if (cache.dtype() == DType::kBF16) {
    store_kv_as<uint16_t>(qkv, layout, slot_mapping, cache, layer);
  } else {
    store_kv_as<float>(qkv, layout, slot_mapping, cache, layer);
  }
}

void copy_kv(const CpuKvCache& cache, std::span<const KvCopy> copies) {
  for (const KvCopy& copy : copies) {
    if (cache.dtype() == DType::kBF16) {
      copy_kv_as<uint16_t>(cache, copy);
    } else {
      copy_kv_as<float>(cache, copy);
    }
  }
}

void attention(CpuContext& context, const Tensor& qkv, const QkvLayout& layout,
               const CpuKvCache& cache, int64_t layer, const AttentionBatch& batch,
               const Tensor& out) {
  const int64_t num_tokens = qkv.dim(0), dim = layout.head_dim;
  const int64_t num_queries = layout.num_heads / layout.num_kv_heads;
  int32_t* const sequence_of_token = context.sequence_of_token.of(num_tokens);
  find_sequences(batch, sequence_of_token);
  // For the longest context that there can be, as that of each step is longer than the last one's.
  const int64_t longest = batch.block_tables.dim(1) * cache.shape().block_size;
  for (auto& scratch : context.per_thread) scratch.of(num_queries * (longest + 1));
  // As if every token saw the longest context.
  const int64_t work_ns =
      2 * num_tokens * layout.q_size() * batch.max_context_len / kAttentionMacsPerNs;
  context.threads.run(num_tokens * layout.num_kv_heads, work_ns, [&](int64_t task, int thread) {
    const int64_t t = task / layout.num_kv_heads, kv_head = task % layout.num_kv_heads;
    const int64_t s = sequence_of_token[t];
    const int64_t tokens_after = batch.query_start.ptr<int32_t>()[s + 1] - 1 - t;
    const HeadGroup group{
        .queries = qkv.ptr<float>() + t * layout.row_size() + kv_head * num_queries * dim,
        .num_queries = num_queries,
        .out = out.ptr<float>() + t * layout.q_size() + kv_head * num_queries * dim,
        .layer = layer,
        .kv_head = kv_head,
        .blocks = batch.block_tables.row<int32_t>(s).data(),
        .num_keys = batch.context_lens.ptr<int32_t>()[s] - tokens_after};
    float* scores =
        context.per_thread[static_cast<size_t>(thread)].of(num_queries * (group.num_keys + 1));
    float* sums = scores + num_queries * group.num_keys;
    if (cache.dtype() == DType::kBF16) {
      attend<uint16_t>(context.kernels, cache, group, scores, sums);
    } else {
      attend<float>(context.kernels, cache, group, scores, sums);
    }
  });
}

}  // namespace ernie::cpu
