#pragma once

/// The operations that are measured, and the operands they are measured on.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "bench/op_cost.h"
#include "checkpoint/model_config.h"

namespace ernie::bench {

/// An operation with its operands in memory. Call i works on copy i modulo the number of copies, so
/// that what it reads is no longer in a cache.
struct PreparedOp {
  std::function<void(int64_t call)> call;
  OpCost cost;  ///< of one call, the mean over the copies
  int64_t num_copies = 1;
};

class OpFixtures;

/// What another machine was published to need for the same.
struct PublishedFigure {
  double mean_ms = 0;
  double sd_ms = 0;
  double tokens_per_s = 0;  ///< 0: not given
};

struct OpCase {
  std::string op;    ///< the function of Backend
  std::string name;  ///< what it is in the model
  std::string shape;
  double tokens = 0;  ///< in one call, for the throughput
  std::function<Result<PreparedOp>(OpFixtures&)> prepare;
  std::optional<PublishedFigure> published;
};

/// The eight timings that were published for an Ascend 910 in bfloat16 on 2026-05-20: same shapes,
/// and 512 rows where the matrix products do not say how many.
std::vector<OpCase> published_suite();

/// Every operation at the shapes of a model, for one decode step of 1, 4 and 16 sequences and for
/// prompts of 128 and 512 tokens. Cases that share weights stand one after another.
std::vector<OpCase> model_suite(const ModelConfig& config);

/// Makes operands on a device and keeps the last weights, which the next case may use again.
class OpFixtures {
 public:
  /// The backend must outlive this. working_set_bytes: what the copies of a case fill at least.
  OpFixtures(Backend& backend, size_t working_set_bytes, uint64_t seed);

  Backend& backend() const { return backend_; }

  Result<PreparedOp> embed(int64_t tokens, int64_t vocab, int64_t hidden);
  Result<PreparedOp> rms_norm(int64_t tokens, int64_t hidden);
  Result<PreparedOp> linear(int64_t tokens, int64_t in, int64_t out, MatrixUse use);
  Result<PreparedOp> rope_table(int64_t tokens, int64_t head_dim, double theta);
  Result<PreparedOp> rope(int64_t tokens, const QkvLayout& layout);
  Result<PreparedOp> store_kv(int64_t tokens, const QkvLayout& layout);
  Result<PreparedOp> attention(const std::vector<QuerySpan>& sequences, const QkvLayout& layout);
  Result<PreparedOp> silu_mul(int64_t tokens, int64_t width);
  Result<PreparedOp> add(int64_t tokens, int64_t hidden);
  Result<PreparedOp> route(int64_t tokens, int64_t num_experts, int64_t chosen);
  /// Each token's experts are drawn uniformly, anew for each copy.
  Result<PreparedOp> experts(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                             int64_t width);
  Result<PreparedOp> gather_rows(int64_t rows, int64_t hidden);

 private:
  /// Equal tensors one behind another.
  struct Copies {
    std::shared_ptr<void> memory;
    Tensor first;
    size_t stride = 0;
    int64_t count = 1;
    Tensor at(int64_t call) const {
      const auto i = static_cast<size_t>(call % count);
      return {static_cast<std::byte*>(first.data) + i * stride, first.dtype, first.shape};
    }
  };
  struct Weights {
    std::vector<OperandPtr> operands;
    double bytes_per_element = 0;
    const Operand& at(int64_t call) const {
      return *operands[static_cast<size_t>(call) % operands.size()];
    }
  };
  using WeightsPtr = std::shared_ptr<const Weights>;

  int64_t copies_of(double bytes) const;
  int64_t copies_of(const OpCost& cost) const { return copies_of(cost.bytes); }
  ElementBytes element_bytes(double weight = 0) const;
  double kv_element_bytes(const QkvLayout& layout) const;
  /// Random activations or float32; I32 through `integers`.
  Result<Copies> floats(const Shape& shape, DType dtype, int64_t count);
  Result<Copies> activations(const Shape& shape, int64_t count) {
    return floats(shape, backend_.activation_dtype(), count);
  }
  /// fill(copy, values of that copy).
  Result<Copies> integers(const Shape& shape, int64_t count,
                          const std::function<void(int64_t, std::span<int32_t>)>& fill);
  HostMatrix random_matrix(int64_t rows, int64_t columns) const;
  /// As many of what `prepare` makes as fill the working set, kept under `name`.
  Result<WeightsPtr> keep_copies(const std::string& name, double num_elements,
                                 const std::function<Result<OperandPtr>()>& prepare);
  Result<WeightsPtr> matrices(int64_t in, int64_t out, MatrixUse use);
  Result<WeightsPtr> expert_weights(int64_t num_experts, int64_t hidden, int64_t width);
  Result<OperandPtr> vector(int64_t size, VectorUse use, float value);
  Result<void> fill_cache(KvCache& cache, const QkvLayout& layout);

  Backend& backend_;
  size_t working_set_bytes_;
  uint64_t seed_;
  std::shared_ptr<const std::vector<float>> noise_;  // standard normal values
  std::string kept_name_;
  WeightsPtr kept_;
};

}  // namespace ernie::bench
