#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace ernie {

struct BackendOptions {
  /// F32 or BF16: the model's numerics, what weights, keys and values are stored in unless
  /// `formats` says otherwise, and, on the reference backend, where results are rounded. F64, there
  /// only: nothing is rounded.
  DType dtype = DType::kBF16;
  int num_threads = 0;  ///< 0: every processor this process may use
  std::string isa;  ///< of the cpu backend: "" for the best here, or "portable", "avx2", "avx512"
  bool map_weights = false;  ///< use weights in the mapped file instead of copying them to memory
  std::optional<StorageFormats> formats;
};

/// A device that this program has and this machine can run, in one of its variants.
struct DeviceInfo {
  std::string name;     ///< as --device
  std::string variant;  ///< as --isa; empty where there is only one
  /// What it stores activations in; nothing: in the dtype asked for.
  std::optional<DType> activation_dtype;
  bool is_oracle = false;  ///< the reference, which also computes in double
  bool is_scalar = false;  ///< without vector instructions: some twenty times slower

  DType activations_for(DType dtype) const { return activation_dtype.value_or(dtype); }
};

/// All of them, the variants of a device together, best first.
std::vector<DeviceInfo> devices();
/// Those of one device; none if it is unknown.
std::vector<DeviceInfo> variants_of(const std::string& device);
/// A device in a variant, "" for its best. Error: lists the choices.
Result<DeviceInfo> find_device(const std::string& device, const std::string& variant);
/// The device that the others are judged by.
std::string oracle_device();

/// The names that make_backend accepts.
std::vector<std::string> backend_names();

/// The only function that names every backend. An unknown name or an instruction set that this
/// machine lacks is an error that lists the choices.
Result<std::unique_ptr<Backend>> make_backend(const std::string& name,
                                              const BackendOptions& options);

}  // namespace ernie
