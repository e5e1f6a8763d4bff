#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "checkpoint/weight_source.h"
#include "model/model_shape.h"

namespace ernie {

/// The weights below are one rank's: heads, widths I, experts and rows of the vocabulary are those
/// of its ModelShape.

/// SwiGLU: down(silu(gate x) * (up x)). I = its intermediate size.
struct MlpWeights {
  OperandPtr gate_up;  // [2 * I, hidden_size], the gate rows first
  OperandPtr down;     // [hidden_size, I]
};

struct MoeWeights {
  OperandPtr router;                 // [num_experts, hidden_size] float32
  OperandPtr correction_bias;        // [num_experts] float32: for the choice only
  OperandPtr experts;                // [num_experts, hidden_size, moe_intermediate_size]
  std::optional<MlpWeights> shared;  // I = shared_intermediate_size; absent without shared experts
};

struct LayerWeights {
  OperandPtr input_norm;          // [hidden_size]
  OperandPtr qkv;                 // [(num_heads + 2 * num_kv_heads) * head_dim, hidden_size]
  OperandPtr output;              // [hidden_size, num_heads * head_dim]
  OperandPtr post_norm;           // [hidden_size]
  std::optional<MlpWeights> mlp;  // exactly one of these two
  std::optional<MoeWeights> moe;
};

struct ModelWeights {
  OperandPtr embedding;  // [vocab_size, hidden_size]
  std::vector<LayerWeights> layers;
  OperandPtr final_norm;   // [hidden_size]
  OperandPtr untied_head;  // [vocab_size, hidden_size]; null if the head is the embedding

  const Operand& head() const { return untied_head != nullptr ? *untied_head : *embedding; }
};

/// Called after each layer with the number of layers ready; for a progress display.
using LoadProgress = std::function<void(int64_t num_layers_ready)>;

/// Reads this rank's part of one layer's tensors and hands it to the backend. Errors: memory; what
/// a file cannot give.
Result<LayerWeights> load_layer(const WeightSource& source, Backend& backend,
                                const ModelShape& shape, int64_t layer);

/// Reads everything outside the layers and the first `num_layers` of them, one after another, so
/// that at most one layer exists twice. Error: out of memory.
Result<ModelWeights> load_weights(const WeightSource& source, Backend& backend,
                                  const ModelShape& shape, int64_t num_layers,
                                  const LoadProgress& progress);

}  // namespace ernie
