#pragma once

#include <memory>
#include <string_view>

#include "model/activations.h"
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
  /// what: "embedding", "attention", "router_logits", "expert_ids", "expert_weights", "routed",
  /// "shared", "mlp" (of a dense layer), "layer", "final_norm".
  virtual void observe(std::string_view what, int64_t layer, const Tensor& value) = 0;
};

struct ModelLimits {
  int64_t max_tokens = 512;     ///< in one batch
  int64_t max_logit_rows = 64;  ///< in one call of `logits`
  /// Hold one layer at a time and read each when its turn comes, in every forward: for verifying a
  /// model that does not fit. The weight source must outlive the model.
  bool stream_layers = false;
};

/// An ERNIE-4.5 decoder on one device.
class Model {
 public:
  /// Loads the weights and allocates every buffer. The backend must outlive the model. Error:
  /// memory.
  static Result<std::unique_ptr<Model>> load(const WeightSource& source, Backend& backend,
                                             const ModelLimits& limits,
                                             const LoadProgress& progress = {});

  const ModelConfig& config() const { return config_; }
  const ModelLimits& limits() const { return limits_; }
  QkvLayout qkv_layout() const {
    return {config_.num_heads, config_.num_kv_heads, config_.head_dim};
  }

  /// Computes the final normed hidden states [T, hidden_size], act, valid until the next forward,
  /// and writes the batch's keys and values to the cache. T <= max_tokens. Error: the device is
  /// lost, or with stream_layers a layer does not fit.
  Result<Tensor> forward(const Batch& batch, KvCache& cache, ForwardObserver* observer = nullptr);

  /// Logits [N, vocab_size], act, of the rows of `hidden` that `rows` [N] I32 names; valid until
  /// the next call. N <= max_logit_rows.
  Tensor logits(const Tensor& hidden, const Tensor& rows);

 private:
  Model(Backend& backend, const ModelConfig& config, const ModelLimits& limits)
      : backend_(backend), config_(config), limits_(limits) {}

  Result<const LayerWeights*> layer_weights(int64_t layer);
  void attention_block(int64_t layer, const LayerWeights& weights, const Batch& batch,
                       KvCache& cache, const Tensor& x, const Tensor& out);
  void mlp_block(const MlpWeights& mlp, const Tensor& x, const Tensor& out);
  void moe_block(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                 ForwardObserver* observer);

  Backend& backend_;
  ModelConfig config_;
  ModelLimits limits_;
  const WeightSource* streamed_ = nullptr;  // null: all layers are in weights_
  ModelWeights weights_;                    // when streamed, with the current layer alone
  Activations act_;
};

}  // namespace ernie
