#pragma once

/// Element access for the reference operations: everything is widened to double on reading and
/// rounded to the tensor's type on writing.

#include <span>
#include <vector>

#include "backend/operands.h"
#include "base/tensor.h"

namespace ernie::reference {

using Row = std::vector<double>;

/// Row `i` of a tensor of F64, F32 or BF16, into `row`, which is returned.
Row& read_row(const Tensor& tensor, int64_t i, Row& row);
void write_row(const Tensor& tensor, int64_t i, std::span<const double> values);

/// x as the given type would store it.
double rounded(DType dtype, double x);

/// What an operation calculates in when it stores activations of type `act`: F32, but F64 for F64.
inline DType arithmetic_of(DType act) { return act == DType::kF64 ? act : DType::kF32; }

/// One or more dense matrices of equally many columns, one below the other, as the checkpoint
/// stores them.
class Matrix final : public Operand {
 public:
  explicit Matrix(std::vector<HostMatrix> row_blocks);
  size_t num_bytes() const override { return 0; }
  /// Row i, into `row`.
  void read_row(int64_t i, Row& row) const;
  /// Σ_k row(i)[k] * x[k], summed in double.
  double dot(int64_t i, const Row& x) const;

 private:
  struct Place {
    const HostMatrix* block;
    int64_t row;  // in it
  };
  Place find(int64_t i) const;
  std::vector<HostMatrix> blocks_;
};

class Vector final : public Operand {
 public:
  explicit Vector(const HostMatrix& values);
  size_t num_bytes() const override { return values_.size() * sizeof(double); }
  const Row& values() const { return values_; }

 private:
  Row values_;
};

/// Routed experts. shape(): [num_experts, hidden, intermediate].
class Experts final : public Operand {
 public:
  struct Expert {
    Matrix gate, up, down;
  };
  Experts(const Shape& shape, std::span<const ExpertMatrices> experts);
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
