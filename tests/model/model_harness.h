#pragma once

/// A model opened from a directory or from weights, for tests that look at its numbers.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "verify/model/probe.h"

namespace ernie::testing {

using verify::model::Chunk;
using verify::model::Values;

/// A probe that throws what goes wrong, and keeps what its last run passed.
class ModelHarness {
 public:
  ModelHarness(const std::string& model_dir, const std::string& device,
               const BackendOptions& options, int64_t block_size = 4);
  ModelHarness(std::unique_ptr<WeightSource> weights, const std::string& device,
               const BackendOptions& options, int64_t block_size = 4);

  const ModelConfig& config() const { return weights_->config(); }
  /// Forgets every sequence.
  void reset() { probe_->reset(); }
  /// Runs the chunks as one batch; returns the logits of every token, in order of the chunks.
  Values run(const std::vector<Chunk>& chunks);
  /// What the observer saw in the last run, by "what" or "what.layer".
  const std::map<std::string, Values>& seen() const { return seen_; }

 private:
  std::unique_ptr<WeightSource> weights_;
  std::unique_ptr<verify::model::ModelProbe> probe_;
  std::map<std::string, Values> seen_;
};

/// A random sequence of token ids below `vocab_size`.
std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed);
/// first, first + 1, …
std::vector<int32_t> positions_from(int64_t first, int64_t count);

}  // namespace ernie::testing
