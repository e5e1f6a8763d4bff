#pragma once

#include <memory>

#include "model/activations.h"
#include "model/tap.h"
#include "model/weights.h"

namespace ernie {

/// The tokens of one step, on the device. T of them, sequence after sequence.
struct Batch {
  Tensor token_ids;          ///< [T] I32, each in [0, vocab_size)
  Tensor positions;          ///< [T] I32: for the rotary embedding; independent of the cache slot
  Tensor slot_mapping;       ///< [T] I32: where each token's key and value go
  AttentionBatch attention;  ///< which tokens belong together and what they see

  int64_t num_tokens() const { return token_ids.dim(0); }
};

/// Sees intermediate results while they are computed; for verification. The tensors are valid only
/// during the call. What an observer writes to one is what the computation goes on with. `layer` is
/// -1 outside the layers.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  virtual void observe(Tap tap, int64_t layer, const Tensor& value) = 0;
};

struct ModelLimits {
  int64_t max_tokens = 512;     ///< in one batch
  int64_t max_logit_rows = 64;  ///< in one call of `logits`
  /// Hold one layer at a time and read each when its turn comes, in every forward: for verifying a
  /// model that does not fit. The weight source must outlive the model.
  bool stream_layers = false;
  /// Of the ranks that hold a part of the model each; must outlive it. Null: the model is whole.
  Communicator* communicator = nullptr;
};

/// An ERNIE-4.5 decoder on one device, or one rank's part of it. Every rank is given the same
/// batches and computes the same hidden states and logits, bit for bit.
class Model {
 public:
  /// Loads the weights and allocates every buffer. The backend must outlive the model. Error:
  /// memory.
  static Result<std::unique_ptr<Model>> load(const WeightSource& source, Backend& backend,
                                             const ModelLimits& limits,
                                             const LoadProgress& progress = {});

  const ModelConfig& config() const { return config_; }
  const ModelLimits& limits() const { return limits_; }
  const ModelShape& shape() const { return shape_; }

  /// Computes the final normed hidden states [T, hidden_size], act, valid until the next forward,
  /// and writes the batch's keys and values to the cache. T <= max_tokens. Error: the device is
  /// lost, or with stream_layers a layer does not fit.
  Result<Tensor> forward(const Batch& batch, KvCache& cache, ForwardObserver* observer = nullptr);

  /// Logits [N, vocab_size], act, of the rows of `hidden` that `rows` [N] I32 names; valid until
  /// the next call. N <= max_logit_rows.
  Tensor logits(const Tensor& hidden, const Tensor& rows);
  /// The likeliest token of each row of `logits`, or -1, as Backend::argmax has it: [N] I32, valid
  /// until the next call.
  Tensor greedy_ids(const Tensor& logits);

 private:
  Model(Backend& backend, const ModelConfig& config, const ModelLimits& limits)
      : backend_(backend), config_(config), limits_(limits) {}

  Result<const LayerWeights*> layer_weights(int64_t layer);
  void attention_block(int64_t layer, const LayerWeights& weights, const Batch& batch,
                       KvCache& cache, const Tensor& x, const Tensor& out);
  void add_branch(const Tensor& x, const Tensor& branch, const Operand& norm, const Tensor& normed,
                  ForwardObserver* observer, int64_t finished_layer);
  void mlp_block(const MlpWeights& mlp, const Tensor& x, const Tensor& out);
  void moe_block(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                 ForwardObserver* observer);
  void routed_experts(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                      ForwardObserver* observer);

  Backend& backend_;
  ModelConfig config_;
  ModelLimits limits_;
  std::unique_ptr<Communicator> whole_;  // where no communicator was given
  Communicator* communicator_ = nullptr;
  ModelShape shape_;
  const WeightSource* streamed_ = nullptr;  // null: all layers are in weights_
  ModelWeights weights_;                    // when streamed, with the current layer alone
  Activations act_;
};

}  // namespace ernie
