#pragma once

/// Element access for the reference operations: everything is widened on reading and rounded to the
/// tensor's type on writing.

#include <vector>

#include "backend/operands.h"
#include "base/tensor.h"

namespace ernie::reference {

/// Row `i` of a rank-2 tensor of F32 or BF16, as float.
std::vector<float> read_row(const Tensor& tensor, int64_t i);
void write_row(const Tensor& tensor, int64_t i, const std::vector<float>& values);

/// x as the given type would store it.
float rounded(DType dtype, double x);

/// One or more matrices of equally many columns, one below the other, as the checkpoint stores
/// them.
class Matrix final : public Operand {
 public:
  explicit Matrix(std::vector<HostTensor> row_blocks);
  size_t num_bytes() const override { return 0; }
  /// Row i as float.
  std::vector<float> row(int64_t i) const;
  /// Σ_k row(i)[k] * x[k], summed in double.
  double dot(int64_t i, const std::vector<float>& x) const;

 private:
  struct Place {
    const HostTensor* block;
    int64_t offset;  // of the row's first element
  };
  Place find(int64_t i) const;
  std::vector<HostTensor> blocks_;
};

class Vector final : public Operand {
 public:
  explicit Vector(const HostTensor& values);
  size_t num_bytes() const override { return values_.size() * sizeof(float); }
  const std::vector<float>& values() const { return values_; }

 private:
  std::vector<float> values_;
};

/// Routed experts. shape(): [num_experts, hidden, intermediate].
class Experts final : public Operand {
 public:
  struct Expert {
    Matrix gate, up, down;
  };
  explicit Experts(std::span<const ExpertTensors> experts);
  size_t num_bytes() const override { return 0; }
  const Expert& expert(int64_t i) const { return *experts_[static_cast<size_t>(i)]; }

 private:
  std::vector<std::unique_ptr<const Expert>> experts_;
};

/// Keys and values as [layer, slot, kv_head, head_dim] in the activation type.
class ReferenceKvCache final : public KvCache {
 public:
  ReferenceKvCache(const KvCacheShape& shape, DType dtype);
  /// One head's key or value at a slot, [1, head_dim].
  Tensor key(int64_t layer, int64_t slot, int64_t kv_head) const {
    return view(keys_, layer, slot, kv_head);
  }
  Tensor value(int64_t layer, int64_t slot, int64_t kv_head) const {
    return view(values_, layer, slot, kv_head);
  }

 private:
  Tensor view(const HostTensor& all, int64_t layer, int64_t slot, int64_t kv_head) const;
  HostTensor keys_, values_;
};

}  // namespace ernie::reference
