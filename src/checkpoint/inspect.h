#pragma once

/// What is in a checkpoint and what it costs, without reading its weights.

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/model_config.h"

namespace ernie {

struct ParameterCounts {
  int64_t total = 0;
  /// Read for one token: all but the experts that are not chosen and the embedding table, of which
  /// one row is read; the output projection counts, tied or not.
  int64_t active = 0;
};

/// config.tie_word_embeddings must be decided.
ParameterCounts count_parameters(const ModelConfig& config);

/// Weights in memory in the config's dtype, routers in F32.
int64_t weight_bytes(const ModelConfig& config);
/// Keys and values of one token over all layers in the config's dtype.
int64_t kv_bytes_per_token(const ModelConfig& config);

struct CheckpointReport {
  struct DTypeCount {
    DType dtype = DType::kF32;
    int64_t num_tensors = 0;
    int64_t num_elements = 0;
  };

  ModelConfig config;
  std::string layout;  ///< "Hugging Face" or "Paddle"
  int64_t num_files = 0;
  uint64_t file_bytes = 0;
  int64_t num_tensors = 0;  ///< stored, those left aside included
  std::vector<DTypeCount> dtypes;
  int64_t num_mtp_tensors = 0;      ///< left aside
  int64_t num_ignored_tensors = 0;  ///< left aside for any other reason
  ParameterCounts parameters;
  int64_t weight_bytes = 0;
  int64_t kv_bytes_per_token = 0;
};

struct Inspection {
  std::optional<CheckpointReport> report;  ///< exactly if there are no problems
  std::vector<std::string> problems;       ///< one line each
};

Inspection inspect_checkpoint(const std::string& directory);

}  // namespace ernie
