#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace ernie::cpu {

struct CpuOptions {
  DType dtype = DType::kBF16;  ///< F32 or BF16: the model's, for norms
  StorageFormats formats;      ///< F32 or BF16 each
  int num_threads = 1;
  std::string isa;  ///< "" for the best
  bool map_weights = false;
};

/// Activations are float32 between operations whatever the weights are: nothing is rounded but what
/// is stored for long. Error: an instruction set that this machine does not have.
Result<std::unique_ptr<Backend>> make_cpu_backend(const CpuOptions& options);

}  // namespace ernie::cpu
