#pragma once

/// Shapes, non-owning views (device or host memory) and owning host tensors. All are dense, row
/// major.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/check.h"
#include "base/dtype.h"

namespace ernie {

/// Up to four dimensions. Every dimension is >= 0 and the element count fits int64_t.
class Shape {
 public:
  static constexpr size_t kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Our own sizes: a bad one is a bug. For sizes from a file use `checked`.
  explicit Shape(std::span<const int64_t> dims);
  /// Nothing if there are more than kMaxRank dimensions, a negative one, or the count overflows.
  static std::optional<Shape> checked(std::span<const int64_t> dims);

  size_t rank() const { return rank_; }
  int64_t operator[](size_t i) const { return dims_[i]; }
  int64_t num_elements() const;
  std::span<const int64_t> dims() const { return {dims_.data(), rank_}; }
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  size_t rank_ = 0;
  std::array<int64_t, kMaxRank> dims_{};
};

/// "[64, 2560]"
std::string to_string(const Shape& shape);

/// A view of somebody else's memory, on the device that the context names. Copying copies the view.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::kF32;
  Shape shape;

  int64_t dim(size_t i) const { return shape[i]; }
  size_t num_bytes() const {
    return static_cast<size_t>(shape.num_elements()) * dtype_bytes(dtype);
  }
  /// Elements in one index of the first dimension.
  int64_t row_elements() const { return shape[0] == 0 ? 0 : shape.num_elements() / shape[0]; }

  /// Host memory only; T must be the tensor's type.
  template <typename T>
  T* ptr() const {
    ERNIE_CHECK(dtype == dtype_of<T>(), "tensor is {}, asked for {}", dtype_name(dtype),
                dtype_name(dtype_of<T>()));
    return static_cast<T*>(data);
  }
  template <typename T>
  std::span<T> row(int64_t i) const {
    return {ptr<T>() + i * row_elements(), static_cast<size_t>(row_elements())};
  }
  /// Rows [begin, end) of the first dimension.
  Tensor rows(int64_t begin, int64_t end) const;
  /// The same memory under another shape of equally many elements.
  Tensor reshaped(const Shape& new_shape) const;
};

/// Read-only host memory with shared ownership: an anonymous buffer, or a part of a mapped file
/// that stays mapped as long as anybody holds it.
class HostTensor {
 public:
  HostTensor() = default;
  HostTensor(DType dtype, const Shape& shape, const std::byte* data,
             std::shared_ptr<const void> owner)
      : dtype_(dtype), shape_(shape), data_(data), owner_(std::move(owner)) {}
  /// Zero-filled memory, 64-byte aligned; write through `mutable_view` before sharing it.
  static HostTensor allocate(DType dtype, const Shape& shape);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t dim(size_t i) const { return shape_[i]; }
  const std::byte* data() const { return data_; }
  size_t num_bytes() const {
    return static_cast<size_t>(shape_.num_elements()) * dtype_bytes(dtype_);
  }
  template <typename T>
  std::span<const T> values() const {
    ERNIE_CHECK(dtype_ == dtype_of<T>(), "tensor is {}", dtype_name(dtype_));
    return {reinterpret_cast<const T*>(data_), static_cast<size_t>(shape_.num_elements())};
  }
  /// The elements from `allocate`d memory for writing. Not for mapped files.
  template <typename T>
  std::span<T> mutable_values() {
    const auto v = values<T>();
    return {const_cast<T*>(v.data()), v.size()};
  }
  /// Rows [begin, end) of the first dimension, sharing memory.
  HostTensor rows(int64_t begin, int64_t end) const;
  /// Index i of the first dimension, that dimension dropped, sharing memory.
  HostTensor slice(int64_t i) const;
  HostTensor reshaped(const Shape& new_shape) const;
  /// A converted copy in `dtype` (F32, BF16 or F16 on either side); itself if it has that type.
  HostTensor converted(DType dtype) const;

 private:
  DType dtype_ = DType::kF32;
  Shape shape_;
  const std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// Element i of a host tensor of F32, BF16 or F16.
float load_float(DType dtype, const void* data, int64_t i);
/// Rounds to the type, to nearest even.
void store_float(DType dtype, void* data, int64_t i, float value);

/// Memory freed with the last owner. Empty when the system has none. alignment: a power of two.
std::shared_ptr<std::byte> allocate_aligned(size_t num_bytes, size_t alignment = 64);

}  // namespace ernie
