#pragma once

/// The three backends that a case runs on, and tensors on any of them.

#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "verify/host_functions.h"
#include "verify/ops/op_case.h"
#include "verify/random.h"

namespace ernie::verify {

/// A tensor on a backend with its memory.
struct Array {
  Tensor tensor;
  std::shared_ptr<void> memory;
};

/// Throw std::runtime_error if the device has not that much memory.
Array upload(Backend& backend, std::span<const double> values, const Shape& shape, DType dtype);
Array upload(Backend& backend, std::span<const int32_t> values, const Shape& shape);
/// Filled with NaN, or with an absurd integer, so that what an operation does not write shows.
Array poisoned(Backend& backend, const Shape& shape, DType dtype);
std::vector<double> download(Backend& backend, const Tensor& tensor);
std::vector<int32_t> download_ids(Backend& backend, const Tensor& tensor);

/// One thread's backends. `device` is what is verified. `twin` is the same device with another
/// number of threads; what it computes must have the same bits. `oracle` is the reference in
/// double.
class Rig {
 public:
  Rig(Backend& device, Backend& twin, Backend& oracle, HostFunctions host)
      : device_(device), twin_(twin), oracle_(oracle), host_(std::move(host)) {}
  Backend& device() const { return device_; }
  Backend& twin() const { return twin_; }
  Backend& oracle() const { return oracle_; }
  const HostFunctions& host() const { return host_; }

 private:
  Backend& device_;
  Backend& twin_;
  Backend& oracle_;
  HostFunctions host_;
};

/// Whether two arrays are equal bit for bit, any NaN counting as equal to any other.
bool same_bits(std::span<const double> a, std::span<const double> b);

/// Up to `count` different indices below n: both ends, then random ones; ascending.
std::vector<int64_t> sample_indices(int64_t n, int64_t count, Random& random);

/// The rows of a matrix [*, columns] that `rows` names.
std::vector<double> rows_of(std::span<const double> matrix, int64_t columns,
                            std::span<const int64_t> rows);

}  // namespace ernie::verify
