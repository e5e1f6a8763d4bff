#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/op_cost.h"

namespace ernie::bench {

/// An operation with its operands in memory. Call i works on copy i modulo the number of copies, so
/// that what it reads is no longer in a cache.
struct PreparedOp {
  std::function<void(int64_t call)> call;
  OpCost cost;  ///< of one call
  int64_t num_copies = 1;
};

/// Makes operands on a device and keeps weights that the next operation may use again.
class OperandMaker {
 public:
  /// The backend must outlive this. working_set_bytes: what the copies of an operation fill at
  /// least.
  OperandMaker(Backend& backend, size_t working_set_bytes, uint64_t seed);

  Result<PreparedOp> prepare(const Operation& operation);

 private:
  /// As many equal weights as fill the working set.
  struct Weights {
    std::vector<std::shared_ptr<const Operand>> operands;
    double bytes_per_element = 0;
  };
  using WeightsPtr = std::shared_ptr<const Weights>;
  /// An operand with its copies: what each call is given.
  using ArgumentOfCall = std::function<Argument(int64_t call)>;

  Result<void> prepare_weights(const Operation& operation, std::vector<WeightsPtr>& weights);
  Result<WeightsPtr> keep_copies(const OperandSpec& spec);
  Result<OperandPtr> prepare_weight(const OperandSpec& spec);
  OpCost cost_of_call(const Operation& operation, const std::vector<WeightsPtr>& weights) const;
  int64_t copies_of(double num_bytes) const;
  int64_t copies_of_tensors(const Operation& operation, const OpCost& cost,
                            const std::vector<WeightsPtr>& weights) const;
  double kv_element_bytes(const Shape& shape) const;

  Result<ArgumentOfCall> argument(const OperandSpec& spec, const WeightsPtr& weights,
                                  int64_t num_copies);
  Result<ArgumentOfCall> floats(const OperandSpec& spec, DType dtype, int64_t num_copies);
  Result<ArgumentOfCall> ids(const OperandSpec& spec, int64_t num_copies);
  Result<ArgumentOfCall> cache(const OperandSpec& spec, int64_t num_copies);
  Result<void> fill_cache(KvCache& cache);
  void fill_ids(const OperandSpec& spec, int64_t copy, std::span<int32_t> values) const;
  void fill_floats(const OperandSpec& spec, int64_t copy, std::span<float> values) const;
  HostMatrix random_matrix(int64_t rows, int64_t columns) const;

  Backend& backend_;
  size_t working_set_bytes_;
  uint64_t seed_;
  std::vector<float> noise_;  // standard normal values
  std::map<std::string, WeightsPtr> kept_;
};

}  // namespace ernie::bench
