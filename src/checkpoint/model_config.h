#pragma once

/// The hyper-parameters of an ERNIE-4.5 text model, normalised: every spelling that published
/// config.json files use ends in the same fields.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"

namespace ernie {

struct ModelConfig {
  std::string architecture;  ///< "Ernie4_5_MoeForCausalLM" or "Ernie4_5ForCausalLM"
  DType dtype = DType::kBF16;

  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;       ///< divides num_heads
  int64_t head_dim = 0;           ///< even; need not be hidden_size / num_heads
  int64_t intermediate_size = 0;  ///< of a dense MLP

  int64_t num_experts = 0;        ///< 0: every layer is dense
  int64_t experts_per_token = 0;  ///< 1 ..= num_experts
  int64_t moe_intermediate_size = 0;
  int64_t num_shared_experts = 0;
  int64_t moe_layer_start = 0;     ///< first layer that may be a mixture of experts
  int64_t moe_layer_end = 0;       ///< last one, inclusive
  int64_t moe_layer_interval = 1;  ///< every interval-th layer is one
  float moe_norm_min = 1e-12f;

  float norm_eps = 1e-5f;
  double rope_theta = 500000.0;
  int64_t max_position_embeddings = 0;

  /// Absent in the file: decided by whether the checkpoint has an `lm_head.weight`.
  std::optional<bool> tie_word_embeddings;
  int64_t num_nextn_predict_layers = 0;  ///< of the checkpoint; this program leaves them aside

  int32_t bos_token_id = 1;
  int32_t pad_token_id = 0;
  std::vector<int32_t> eos_token_ids{2};

  bool is_moe_layer(int64_t layer) const {
    return num_experts > 0 && (layer + 1) % moe_layer_interval == 0 && layer >= moe_layer_start &&
           layer <= moe_layer_end;
  }
  /// Width of the one fused shared expert; 0 without shared experts.
  int64_t shared_intermediate_size() const { return moe_intermediate_size * num_shared_experts; }
  int64_t q_size() const { return num_heads * head_dim; }
  int64_t kv_size() const { return num_kv_heads * head_dim; }
};

/// Reads the text of a config.json. `name` stands in the messages. Reports every problem at once,
/// each as "name: key: got …, expected …", joined by "; ".
Result<ModelConfig> parse_model_config(std::string_view json, const std::string& name);

/// The config.json that the published checkpoints would have for it.
std::string to_json(const ModelConfig& config);

/// Shapes by name for `ernie dummy` and `--load-format dummy`: "21b", "0.3b", "tiny".
std::optional<ModelConfig> preset_model_config(std::string_view name);

}  // namespace ernie
