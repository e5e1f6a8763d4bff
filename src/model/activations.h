#pragma once

#include <memory>

#include "backend/backend.h"
#include "model/model_shape.h"

namespace ernie {

/// The device buffers of one forward pass, allocated once for the largest batch. T = tokens in a
/// batch; views for a smaller batch are the first rows. Heads, widths and local_logits are
/// those of one rank.
class Activations {
 public:
  static Result<Activations> allocate(Backend& backend, const ModelConfig& config,
                                      const ModelShape& shape, int64_t max_tokens,
                                      int64_t max_logit_rows);

  Tensor hidden;          // [T, hidden_size] act: the residual stream
  Tensor normed;          // [T, hidden_size] act
  Tensor branch;          // [T, hidden_size] act: what is added to the residual stream
  Tensor shared;          // [T, hidden_size] act: of the shared expert
  Tensor qkv;             // [T, (num_heads + 2 * num_kv_heads) * head_dim] act
  Tensor attention;       // [T, num_heads * head_dim] act
  Tensor gate_up;         // [T * 2 * the widest MLP] act
  Tensor activated;       // [T * the widest MLP] act
  Tensor rope_table;      // [T, head_dim / 2, 2] F32
  Tensor router_logits;   // [T, num_experts] F32
  Tensor expert_ids;      // [T, experts_per_token] I32
  Tensor expert_weights;  // [T, experts_per_token] F32
  Tensor head_input;      // [max_logit_rows, hidden_size] act
  Tensor logits;          // [max_logit_rows, vocab_size] act
  Tensor local_logits;    // [max_logit_rows * this rank's rows of the vocabulary] act
  Tensor greedy_ids;      // [max_logit_rows] I32

 private:
  std::shared_ptr<void> memory_;
};

/// `width` columns for each of the first `num_rows` rows of a flat buffer.
Tensor first_rows(const Tensor& flat, int64_t num_rows, int64_t width);

}  // namespace ernie
