#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/operation.h"

namespace ernie::testing {

/// The operands of an operation on one device. The same seed gives the same numbers on each.
class DeviceOperands {
 public:
  /// The backend must outlive them.
  DeviceOperands(Backend& backend, const Operation& operation);
  std::span<const Argument> arguments() const { return arguments_; }
  /// The numbers of every tensor; none for weights and caches.
  std::vector<std::vector<double>> values() const;

 private:
  std::vector<float> noise(int64_t count, double scale);
  HostMatrix matrix(int64_t rows, int64_t columns);
  void make(const OperandSpec& spec);
  void add_noise(DType dtype, const Shape& shape);
  void add_tensor(DType dtype, const Shape& shape, const void* values);
  void add_operand(Result<OperandPtr> operand);
  void add_cache(const Shape& shape);

  Backend& backend_;
  uint64_t stream_ = 0;
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<OperandPtr> operands_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  std::vector<Argument> arguments_;
};

}  // namespace ernie::testing
