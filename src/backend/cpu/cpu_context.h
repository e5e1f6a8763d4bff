#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "backend/cpu/cpu_operands.h"
#include "backend/cpu/isa/kernels.h"
#include "base/thread_pool.h"

namespace ernie::cpu {

/// An array that grows and never shrinks, so that steps stop allocating once the largest was seen.
template <typename T>
class Scratch {
 public:
  /// `count` elements, undefined: whoever asks writes them first.
  T* of(int64_t count) {
    if (capacity_ < count) {
      values_ = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(count));
      capacity_ = count;
    }
    return values_.get();
  }

 private:
  std::unique_ptr<T[]> values_;
  int64_t capacity_ = 0;
};

/// A run of (token, expert) pairs with the same expert, in the pairs sorted by expert.
struct ExpertRun {
  int32_t expert_id;
  int64_t begin, end;
};

/// What the operations of this backend share.
struct CpuContext {
  CpuContext(const Kernels& k, int num_threads)
      : kernels(k), threads(num_threads), per_thread(static_cast<size_t>(num_threads)) {}

  /// matmul with the weight's type: y[t * y_stride + r] for rows [row_begin, row_end) of w.
  void matmul(const float* x, int64_t x_stride, int64_t num_tokens, const WeightRows& w,
              int64_t row_begin, int64_t row_end, float* y, int64_t y_stride) const;

  const Kernels& kernels;
  ThreadPool threads;
  std::vector<Scratch<float>> per_thread;
  Scratch<float> expert_inputs, expert_hidden, expert_outputs;
  Scratch<int32_t> expert_order, num_places;
  Scratch<int64_t> expert_places;
  std::vector<ExpertRun> expert_runs;
  Scratch<int32_t> sequence_of_token;
};

/// Rows of a weight in one task: enough work to hand over, few enough to share out evenly and to
/// stay in the second-level cache. Results do not depend on it.
constexpr int64_t kRowsPerTask = 32;
/// Tokens for which one task's rows are kept in the cache.
constexpr int64_t kTokensPerPass = 24;

/// About how long loops take one thread, as ThreadPool::run wants to know: in nanoseconds, measured
/// on the machines of docs/benchmarks.md. A wrong figure costs time and changes no result.
int64_t matmul_ns(int64_t num_tokens, const WeightRows& w);
constexpr int64_t kCopiesPerNs = 4, kComparisonsPerNs = 4, kNormsPerNs = 4;
constexpr int64_t kRotationsPerNs = 2, kActivationsPerNs = 2, kAttentionMacsPerNs = 8;
constexpr int64_t kNsPerRoutedExpert = 14;

/// Operations of backend.h on host memory with F32 activations. Contracts as there.
void linear(CpuContext& context, const Tensor& x, const WeightRows& weight, const Tensor& out);
void attention(CpuContext& context, const Tensor& qkv, const QkvLayout& layout,
               const CpuKvCache& cache, int64_t layer, const AttentionBatch& batch,
               const Tensor& out);
void store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
              const CpuKvCache& cache, int64_t layer);
void copy_kv(const CpuKvCache& cache, std::span<const KvCopy> copies);
void rope_table(const Tensor& positions, double theta, const Tensor& table);
void rope(CpuContext& context, const Tensor& qkv, const QkvLayout& layout, const Tensor& table);
void route(CpuContext& context, const Tensor& logits, const float* bias, float norm_min,
           const Tensor& expert_ids, const Tensor& expert_weights);
void experts(CpuContext& context, const Tensor& x, const Tensor& expert_ids,
             const Tensor& expert_weights, const CpuExperts& experts, int64_t first_expert,
             const Tensor& out);
void argmax(CpuContext& context, const Tensor& logits, const Tensor& ids);

}  // namespace ernie::cpu
