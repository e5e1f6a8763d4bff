#pragma once

/// Runs a Model directly, without the engine, for whoever looks at its numbers.

#include <functional>
#include <memory>
#include <vector>

#include "model/model.h"
#include "verify/model/trace.h"

namespace ernie::verify::model {

struct ProbeOptions {
  int64_t max_tokens = 64;           ///< in one step
  int64_t max_sequences = 8;         ///< remembered at a time
  int64_t max_context_tokens = 256;  ///< of one sequence
  int64_t block_size = 4;
  bool stream_layers = false;  ///< as ModelLimits has it, and so has the communicator
  Communicator* communicator = nullptr;
};

/// One sequence's next tokens in a step. Positions are explicit: they need not be the cache's
/// index.
struct Chunk {
  size_t sequence;
  std::vector<int32_t> token_ids;
  std::vector<int32_t> positions;
};

/// A loaded model with a cache for a few sequences, whose blocks are dealt out in a scattered
/// order. One thread at a time.
class ModelProbe {
 public:
  /// The weights must outlive the probe. Error: memory.
  static Result<std::unique_ptr<ModelProbe>> open(const WeightSource& weights,
                                                  std::unique_ptr<Backend> backend,
                                                  const ProbeOptions& options);

  const ModelConfig& config() const { return model_->config(); }
  const ProbeOptions& options() const { return options_; }
  Backend& backend() const { return *backend_; }
  /// Forgets every sequence.
  void reset();
  /// Runs the chunks as one step of at most max_tokens; returns the logits of every token, in order
  /// of the chunks. Error: the device is lost, or has no memory for the step.
  Result<Values> run(const std::vector<Chunk>& chunks, ForwardObserver* observer = nullptr);

 private:
  ModelProbe(std::unique_ptr<Backend> backend, const ProbeOptions& options)
      : options_(options), backend_(std::move(backend)) {}
  int32_t slot(size_t sequence, int64_t index);
  Result<Values> logits_of(const Tensor& hidden);

  ProbeOptions options_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<KvCache> cache_;
  std::vector<std::vector<int32_t>> blocks_;  // by sequence
  std::vector<int64_t> context_lens_;
  int64_t num_blocks_dealt_ = 0;
};

/// How a pass is interfered with.
struct TapPlan {
  /// Every point that is in here goes on with these values in place of the device's own, which are
  /// recorded: what is computed between two points is then judged alone.
  const Taps* anchor = nullptr;
  /// The relative size of normally distributed errors that are then multiplied in; ids have none.
  /// Without an anchor they are part of what is recorded.
  std::function<double(const TapPoint&)> noise;
  uint64_t seed = 0;
};

/// A sequence to run, and how. The vectors must outlive the call.
struct PassRequest {
  const std::vector<int32_t>& ids;
  const std::vector<int32_t>& positions;
  TapPlan plan;
};

/// Forgets every sequence, runs these, in steps of at most max_tokens of all of them together, and
/// records every point of each. A model whose layers are streamed is read once a step.
/// Error: as ModelProbe::run.
Result<std::vector<PassTrace>> trace_sequences(ModelProbe& probe,
                                               const std::vector<PassRequest>& requests);

}  // namespace ernie::verify::model
