#pragma once

/// Runs a Model directly, without the engine, for tests that look at its numbers.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"

namespace ernie::testing {

/// A tensor brought to the host as float32 (or int32 ids as float), [rows, columns].
struct Values {
  int64_t rows = 0, columns = 0;
  std::vector<float> data;

  float at(int64_t row, int64_t column) const {
    return data[static_cast<size_t>(row * columns + column)];
  }
  void append(const Values& more);
};

/// One sequence's next tokens in a step. Positions are explicit: they need not be the cache's
/// index.
struct Chunk {
  size_t sequence;
  std::vector<int32_t> token_ids;
  std::vector<int32_t> positions;
};

/// A loaded model with a cache for a few sequences, whose blocks are dealt out in a scattered
/// order.
class ModelHarness {
 public:
  ModelHarness(const std::string& model_dir, const std::string& device,
               const BackendOptions& options, int64_t block_size = 4);
  ModelHarness(std::unique_ptr<WeightSource> weights, const std::string& device,
               const BackendOptions& options, int64_t block_size = 4);

  const ModelConfig& config() const { return weights_->config(); }
  /// Forgets every sequence.
  void reset();
  /// Runs the chunks as one batch; returns the logits of every token, in order of the chunks.
  Values run(const std::vector<Chunk>& chunks);
  /// What the observer saw in the last run, by "what" or "what.layer".
  const std::map<std::string, Values>& seen() const { return seen_; }

 private:
  class Recorder;
  void load(const std::string& device, const BackendOptions& options, int64_t block_size);
  int32_t slot(size_t sequence, int64_t index);

  std::unique_ptr<WeightSource> weights_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<KvCache> cache_;
  std::vector<std::vector<int32_t>> blocks_;  // by sequence
  std::vector<int64_t> context_lens_;
  int32_t next_block_ = 0;
  std::map<std::string, Values> seen_;
};

/// Values of a device tensor of any type, [dim 0, the rest].
Values to_host(Backend& backend, const Tensor& tensor);

/// A random sequence of token ids below `vocab_size`.
std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed);
/// first, first + 1, …
std::vector<int32_t> positions_from(int64_t first, int64_t count);

}  // namespace ernie::testing
