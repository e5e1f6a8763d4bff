#include "base/tensor.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <cstring>
#include <limits>

namespace ernie {

std::optional<Shape> Shape::checked(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank) return std::nullopt;
  int64_t count = 1;
  Shape shape;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    shape.dims_[shape.rank_++] = dim;
    // A zero dimension does not excuse the others: their product must fit as well.
    if (dim != 0 && count > std::numeric_limits<int64_t>::max() / dim) return std::nullopt;
    if (dim != 0) count *= dim;
  }
  return shape;
}

Shape::Shape(std::span<const int64_t> dims) {
  const auto shape = checked(dims);
  ERNIE_CHECK(shape.has_value(), "shape {}", dims);
  *this = *shape;
}

int64_t Shape::num_elements() const {
  int64_t count = 1;
  for (size_t i = 0; i < rank_; ++i) count *= dims_[i];
  return count;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.dims(), ", "));
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  ERNIE_CHECK(0 <= begin && begin <= end && end <= shape[0], "rows {}..{} of {}", begin, end,
              to_string(shape));
  std::array<int64_t, Shape::kMaxRank> dims{};
  for (size_t i = 0; i < shape.rank(); ++i) dims[i] = shape[i];
  const size_t row_bytes = static_cast<size_t>(row_elements()) * dtype_bytes(dtype);
  dims[0] = end - begin;
  return {static_cast<std::byte*>(data) + static_cast<size_t>(begin) * row_bytes, dtype,
          Shape(std::span<const int64_t>(dims.data(), shape.rank()))};
}

Tensor Tensor::reshaped(const Shape& new_shape) const {
  ERNIE_CHECK(new_shape.num_elements() == shape.num_elements(), "{} as {}", to_string(shape),
              to_string(new_shape));
  return {data, dtype, new_shape};
}

std::shared_ptr<std::byte> allocate_aligned(size_t num_bytes, size_t alignment) {
  const size_t rounded = (num_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  return {static_cast<std::byte*>(memory), std::free};
}

HostTensor HostTensor::allocate(DType dtype, const Shape& shape) {
  const size_t num_bytes = static_cast<size_t>(shape.num_elements()) * dtype_bytes(dtype);
  const std::shared_ptr<std::byte> memory = allocate_aligned(num_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory.get(), 0, num_bytes);
  return {dtype, shape, memory.get(), memory};
}

HostTensor HostTensor::rows(int64_t begin, int64_t end) const {
  const Tensor view = Tensor{const_cast<std::byte*>(data_), dtype_, shape_}.rows(begin, end);
  return {dtype_, view.shape, static_cast<const std::byte*>(view.data), owner_};
}

HostTensor HostTensor::slice(int64_t i) const {
  const HostTensor one = rows(i, i + 1);
  return {dtype_, Shape(shape_.dims().subspan(1)), one.data_, owner_};
}

HostTensor HostTensor::reshaped(const Shape& new_shape) const {
  ERNIE_CHECK(new_shape.num_elements() == shape_.num_elements(), "{} as {}", to_string(shape_),
              to_string(new_shape));
  return {dtype_, new_shape, data_, owner_};
}

HostTensor HostTensor::converted(DType dtype) const {
  if (dtype == dtype_) return *this;
  HostTensor result = allocate(dtype, shape_);
  auto* target = const_cast<std::byte*>(result.data_);
  for (int64_t i = 0; i < shape_.num_elements(); ++i) {
    store_float(dtype, target, i, load_float(dtype_, data_, i));
  }
  return result;
}

float load_float(DType dtype, const void* data, int64_t i) {
  switch (dtype) {
    case DType::kF32:
      return static_cast<const float*>(data)[i];
    case DType::kBF16:
      return to_float(static_cast<const bf16*>(data)[i]);
    case DType::kF16:
      return to_float(static_cast<const f16*>(data)[i]);
    default:
      ERNIE_CHECK(false, "{} is not a float type", dtype_name(dtype));
  }
}

void store_float(DType dtype, void* data, int64_t i, float value) {
  switch (dtype) {
    case DType::kF32:
      static_cast<float*>(data)[i] = value;
      return;
    case DType::kBF16:
      static_cast<bf16*>(data)[i] = to_bf16(value);
      return;
    case DType::kF16:
      static_cast<f16*>(data)[i] = to_f16(value);
      return;
    default:
      ERNIE_CHECK(false, "{} is not a float type", dtype_name(dtype));
  }
}

}  // namespace ernie
