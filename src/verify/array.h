#pragma once

/// Tensors on a backend with their memory, and their numbers on the host.

#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace ernie::verify {

/// A tensor on a backend with its memory.
struct Array {
  Tensor tensor;
  std::shared_ptr<void> memory;
};

/// Error: the device has not that much memory.
Result<Array> upload(Backend& backend, std::span<const double> values, const Shape& shape,
                     DType dtype);
Result<Array> upload(Backend& backend, std::span<const int32_t> values, const Shape& shape);
/// Filled with NaN, or with an absurd integer, so that what an operation does not write shows.
Result<Array> poisoned(Backend& backend, const Shape& shape, DType dtype);
/// Error: the device is lost.
Result<std::vector<double>> download(Backend& backend, const Tensor& tensor);
Result<std::vector<int32_t>> download_ids(Backend& backend, const Tensor& tensor);

/// The rows of a matrix [*, columns] that `rows` names.
std::vector<double> rows_of(std::span<const double> matrix, int64_t columns,
                            std::span<const int64_t> rows);

}  // namespace ernie::verify
