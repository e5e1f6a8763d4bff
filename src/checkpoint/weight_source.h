#pragma once

/// What the model needs from any kind of checkpoint, under one set of names.

#include <string>
#include <vector>

#include "base/host_matrix.h"
#include "base/result.h"
#include "base/vocabulary.h"
#include "checkpoint/model_config.h"

namespace ernie {

/// One tensor of the model, under the name that the published Hugging Face checkpoints use:
/// `model.layers.3.mlp.experts.5.gate_proj.weight`. Matrices are [out, in].
struct TensorSpec {
  std::string name;
  Shape shape;
  bool is_expert = false;  ///< belongs to a routed expert: only a part is active per token
  bool is_float32 =
      false;  ///< router weight or correction bias: kept in F32 whatever the model's dtype
};

/// All tensors of a model in layer order; `lm_head.weight` only if the head is not tied.
/// config.tie_word_embeddings must be decided.
std::vector<TensorSpec> model_tensors(const ModelConfig& config);

/// Weights by name. Thread-safe: reading does not change it. Tensors stay valid on their own.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// tie_word_embeddings is decided here.
  virtual const ModelConfig& config() const = 0;
  /// The tensor of model_tensors() with that name as the file holds it, a vector as one row. It
  /// shares the mapped file's memory and knows its place in the file where the layout allows.
  /// Errors: kNotFound for another name, memory; everything that can be wrong with the file was
  /// found when it was opened.
  virtual Result<HostMatrix> read(const std::string& name) const = 0;
  /// Of a format that brings its own, for as long as the source lives; null: a tokenizer lies in
  /// other files.
  virtual const Vocabulary* vocabulary() const { return nullptr; }
  /// One line for the start-up log.
  virtual std::string describe() const = 0;
};

}  // namespace ernie
