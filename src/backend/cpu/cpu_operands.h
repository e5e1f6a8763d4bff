#pragma once

/// Weights and the KV cache as the cpu backend holds them.

#include <memory>
#include <vector>

#include "backend/operands.h"
#include "base/result.h"

namespace ernie::cpu {

/// Dense rows of F32 or BF16 in memory that the kernel will not reclaim, or in the mapped file.
struct WeightRows {
  DType dtype = DType::kF32;
  int64_t num_rows = 0;
  int64_t num_columns = 0;
  const void* data = nullptr;
  std::shared_ptr<const void> owner;
  size_t owned_bytes = 0;  // 0 for a mapped file

  /// The first element of row r.
  template <typename T>
  const T* row(int64_t r) const {
    return static_cast<const T*>(data) + r * num_columns;
  }
};

/// Zeroed memory for weights and caches, in huge pages where the system gives them. Error: none
/// left.
Result<std::shared_ptr<void>> allocate_pages(size_t num_bytes);

/// Stacks the blocks as `dtype`. With `keep_mapped` a single block that has that type already is
/// used where it is. Error: no memory; a format that is not dense; the file cannot be read.
Result<WeightRows> make_weight_rows(std::span<const HostMatrix> blocks, DType dtype,
                                    bool keep_mapped);

class CpuMatrix final : public Operand {
 public:
  explicit CpuMatrix(WeightRows rows)
      : Operand({rows.num_rows, rows.num_columns}), rows_(std::move(rows)) {}
  size_t num_bytes() const override { return rows_.owned_bytes; }
  const WeightRows& rows() const { return rows_; }

 private:
  WeightRows rows_;
};

/// Always F32.
class CpuVector final : public Operand {
 public:
  explicit CpuVector(std::vector<float> values)
      : Operand({static_cast<int64_t>(values.size())}), values_(std::move(values)) {}
  size_t num_bytes() const override { return values_.size() * sizeof(float); }
  const float* values() const { return values_.data(); }

 private:
  std::vector<float> values_;
};

/// shape(): [num_experts, hidden, intermediate].
class CpuExperts final : public Operand {
 public:
  struct Expert {
    WeightRows gate, up, down;
  };
  CpuExperts(const Shape& shape, std::vector<Expert> experts)
      : Operand(shape), experts_(std::move(experts)) {}
  size_t num_bytes() const override;
  const Expert& expert(int64_t i) const { return experts_[static_cast<size_t>(i)]; }

 private:
  std::vector<Expert> experts_;
};

/// [layer][block][kv_head][keys, then values: block_size x head_dim] in F32 or BF16, so that one
/// head's keys of a block are the rows of a matrix.
class CpuKvCache final : public KvCache {
 public:
  CpuKvCache(const KvCacheShape& shape, DType dtype, std::shared_ptr<void> memory)
      : KvCache(shape), dtype_(dtype), memory_(std::move(memory)) {}
  static size_t num_bytes(const KvCacheShape& shape, DType dtype);

  DType dtype() const { return dtype_; }
  template <typename T>
  T* keys(int64_t layer, int64_t block, int64_t kv_head) const {
    const KvCacheShape& s = shape();
    const int64_t head = (layer * s.num_blocks + block) * s.num_kv_heads + kv_head;
    return static_cast<T*>(memory_.get()) + head * 2 * s.block_size * s.head_dim;
  }
  template <typename T>
  T* values(int64_t layer, int64_t block, int64_t kv_head) const {
    return keys<T>(layer, block, kv_head) + shape().block_size * shape().head_dim;
  }

 private:
  DType dtype_;
  std::shared_ptr<void> memory_;
};

}  // namespace ernie::cpu
