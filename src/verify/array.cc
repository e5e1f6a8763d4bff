#include "verify/array.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "verify/error_budget.h"

namespace ernie::verify {
namespace {

constexpr int32_t kAbsurd = static_cast<int32_t>(0xcdcdcdcd);

Result<Array> allocate(Backend& backend, const Shape& shape, DType dtype) {
  Array array{{nullptr, dtype, shape}, nullptr};
  ERNIE_TRY(array.memory, backend.allocate(std::max<size_t>(array.tensor.num_bytes(), 1)));
  array.tensor.data = array.memory.get();
  return array;
}

template <typename T>
Result<std::vector<T>> copy_out(Backend& backend, const Tensor& tensor) {
  std::vector<T> values(static_cast<size_t>(tensor.shape.num_elements()));
  ERNIE_TRY_VOID(backend.copy_out(tensor, values.data()));
  return values;
}

}  // namespace

Result<Array> upload(Backend& backend, std::span<const double> values, const Shape& shape,
                     DType dtype) {
  ERNIE_TRY(Array array, allocate(backend, shape, dtype));
  if (dtype == DType::kF64) {
    backend.copy_in(values.data(), array.tensor);
  } else if (dtype == DType::kF32) {
    const std::vector<float> narrow(values.begin(), values.end());
    backend.copy_in(narrow.data(), array.tensor);
  } else {
    std::vector<uint16_t> narrow;
    for (const double x : values) {
      narrow.push_back(static_cast<uint16_t>(
          std::bit_cast<uint32_t>(static_cast<float>(round_to(DType::kBF16, x))) >> 16));
    }
    backend.copy_in(narrow.data(), array.tensor);
  }
  return array;
}

Result<Array> upload(Backend& backend, std::span<const int32_t> values, const Shape& shape) {
  ERNIE_TRY(Array array, allocate(backend, shape, DType::kI32));
  backend.copy_in(values.data(), array.tensor);
  return array;
}

Result<Array> poisoned(Backend& backend, const Shape& shape, DType dtype) {
  const auto n = static_cast<size_t>(shape.num_elements());
  if (dtype == DType::kI32) return upload(backend, std::vector<int32_t>(n, kAbsurd), shape);
  return upload(backend, std::vector<double>(n, NAN), shape, dtype);
}

Result<std::vector<double>> download(Backend& backend, const Tensor& tensor) {
  if (tensor.dtype == DType::kF64) return copy_out<double>(backend, tensor);
  if (tensor.dtype == DType::kF32) {
    ERNIE_TRY(const std::vector<float> values, copy_out<float>(backend, tensor));
    return std::vector<double>(values.begin(), values.end());
  }
  ERNIE_TRY(const std::vector<uint16_t> bits, copy_out<uint16_t>(backend, tensor));
  std::vector<double> values;
  for (const uint16_t b : bits) {
    values.push_back(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(b) << 16)));
  }
  return values;
}

Result<std::vector<int32_t>> download_ids(Backend& backend, const Tensor& tensor) {
  return copy_out<int32_t>(backend, tensor);
}

std::vector<double> rows_of(std::span<const double> matrix, int64_t columns,
                            std::span<const int64_t> rows) {
  std::vector<double> chosen;
  chosen.reserve(rows.size() * static_cast<size_t>(columns));
  for (const int64_t row : rows) {
    const auto part =
        matrix.subspan(static_cast<size_t>(row * columns), static_cast<size_t>(columns));
    chosen.insert(chosen.end(), part.begin(), part.end());
  }
  return chosen;
}

}  // namespace ernie::verify
