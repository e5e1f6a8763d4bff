#pragma once

/// Any weights as a Hugging Face directory.

#include <functional>
#include <string>

#include "checkpoint/weight_source.h"

namespace ernie {

struct CheckpointWriteOptions {
  bool overwrite = false;  ///< replace a checkpoint that is there
  bool sparse = false;     ///< all headers, but zeros for weights that take no room on the disk
  /// Called after each piece with the bytes written and the bytes of the whole file.
  std::function<void(uint64_t num_written, uint64_t num_bytes)> on_progress;
};

/// Writes config.json and model.safetensors with one tensor per expert, as the published
/// checkpoints have them. Creates the directory. Fails before writing if the disk has too little
/// room. A crash leaves no half file.
Result<void> write_checkpoint(const WeightSource& weights, const std::string& directory,
                              const CheckpointWriteOptions& options);

}  // namespace ernie
