#include "model/device_operands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"

namespace ernie::testing {
namespace {

std::vector<int32_t> ids(const OperandSpec& spec) {
  if (spec.contents == Contents::kGiven) return spec.values;
  std::vector<int32_t> values(static_cast<size_t>(spec.shape.num_elements()));
  const auto columns = spec.shape.rank() == 1 ? values.size() : static_cast<size_t>(spec.shape[1]);
  for (size_t i = 0; i < values.size(); ++i) {
    // A stride that is prime to every limit here gives different ones within a row.
    const auto mixed = static_cast<int64_t>(i % columns * 7 + i / columns * 3);
    values[i] = static_cast<int32_t>(spec.limit > 0 ? mixed % spec.limit : static_cast<int64_t>(i));
  }
  return values;
}

double number_at(DType dtype, const std::byte* data, int64_t i) {
  if (dtype == DType::kI32) return reinterpret_cast<const int32_t*>(data)[i];
  if (dtype == DType::kF64) return reinterpret_cast<const double*>(data)[i];
  return static_cast<double>(load_float(dtype, data, i));
}

}  // namespace

DeviceOperands::DeviceOperands(Backend& backend, const Operation& operation) : backend_(backend) {
  for (const OperandSpec& spec : operation.operands) make(spec);
}

std::vector<std::vector<double>> DeviceOperands::values() const {
  std::vector<std::vector<double>> all;
  for (const Argument& argument : arguments_) {
    all.emplace_back();
    if (argument.tensor.data == nullptr) continue;
    const Tensor& tensor = argument.tensor;
    std::vector<std::byte> bytes(tensor.num_bytes());
    EXPECT_TRUE(backend_.copy_out(tensor, bytes.data()));
    for (int64_t i = 0; i < tensor.shape.num_elements(); ++i) {
      all.back().push_back(number_at(tensor.dtype, bytes.data(), i));
    }
  }
  return all;
}

std::vector<float> DeviceOperands::noise(int64_t count, double scale) {
  std::vector<float> values(static_cast<size_t>(count));
  ++stream_;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(scale) * philox_normal(1, stream_, i)[0];
  }
  return values;
}

HostMatrix DeviceOperands::matrix(int64_t rows, int64_t columns) {
  HostTensor tensor = HostTensor::allocate(DType::kF32, {rows, columns});
  const double scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(columns, 1)));
  std::ranges::copy(noise(rows * columns, scale), tensor.mutable_values<float>().begin());
  return tensor;
}

void DeviceOperands::make(const OperandSpec& spec) {
  const Shape& shape = spec.shape;
  switch (spec.kind) {
    case OperandKind::kActivation:
      return add_noise(backend_.activation_dtype(), shape);
    case OperandKind::kFloat32:
      return add_noise(DType::kF32, shape);
    case OperandKind::kIds:
      return add_tensor(DType::kI32, shape, ids(spec).data());
    case OperandKind::kMatrix:
      return add_operand(
          backend_.prepare_matrix(std::array{matrix(shape[0], shape[1])}, spec.matrix_use));
    case OperandKind::kVector:
      return add_operand(backend_.prepare_vector(matrix(1, shape[0]), spec.vector_use));
    case OperandKind::kExperts: {
      std::vector<ExpertMatrices> experts;
      for (int64_t e = 0; e < shape[0]; ++e) {
        experts.push_back(
            {matrix(shape[2], shape[1]), matrix(shape[2], shape[1]), matrix(shape[1], shape[2])});
      }
      return add_operand(backend_.prepare_experts(shape, experts));
    }
    case OperandKind::kCache:
      return add_cache(shape);
  }
}

void DeviceOperands::add_noise(DType dtype, const Shape& shape) {
  const std::vector<float> values = noise(shape.num_elements(), 1);
  std::vector<std::byte> bytes(values.size() * dtype_bytes(dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == DType::kF64) {
      reinterpret_cast<double*>(bytes.data())[i] = static_cast<double>(values[i]);
    } else {
      store_float(dtype, bytes.data(), static_cast<int64_t>(i), values[i]);
    }
  }
  add_tensor(dtype, shape, bytes.data());
}

void DeviceOperands::add_tensor(DType dtype, const Shape& shape, const void* values) {
  Tensor tensor{nullptr, dtype, shape};
  memory_.push_back(backend_.allocate(tensor.num_bytes()).value());
  tensor.data = memory_.back().get();
  backend_.copy_in(values, tensor);
  arguments_.push_back({.tensor = tensor});
}

void DeviceOperands::add_operand(Result<OperandPtr> operand) {
  operands_.push_back(std::move(operand).value());
  arguments_.push_back({.operand = operands_.back().get()});
}

/// One layer, every slot written with rows of noise.
void DeviceOperands::add_cache(const Shape& shape) {
  caches_.push_back(
      backend_.allocate_kv_cache({1, shape[0], shape[1], shape[2], shape[3]}).value());
  const QkvLayout layout{shape[2], shape[2], shape[3]};
  const int64_t num_slots = shape[0] * shape[1];
  const size_t first = arguments_.size();
  std::vector<int32_t> slots(static_cast<size_t>(num_slots));
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<int32_t>(i);
  add_noise(backend_.activation_dtype(), {num_slots, layout.row_size()});
  add_tensor(DType::kI32, {num_slots}, slots.data());
  backend_.store_kv(arguments_[first].tensor, layout, arguments_[first + 1].tensor, *caches_.back(),
                    0);
  arguments_.resize(first);
  arguments_.push_back({.cache = caches_.back().get()});
}

}  // namespace ernie::testing
