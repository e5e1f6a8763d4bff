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

/// "cpu", "reference": the names that make_backend accepts.
std::vector<std::string> backend_names();

/// The only function that names every backend. An unknown name or an instruction set that this
/// machine lacks is an error that lists the choices.
Result<std::unique_ptr<Backend>> make_backend(const std::string& name,
                                              const BackendOptions& options);

}  // namespace ernie
