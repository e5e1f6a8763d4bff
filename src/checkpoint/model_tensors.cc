#include "base/check.h"
#include "checkpoint/weight_source.h"

namespace ernie {
namespace {

/// Adds the three matrices of gate, up and down under `prefix`.
void add_mlp(const std::string& prefix, int64_t hidden_size, int64_t width, bool is_expert,
             std::vector<TensorSpec>& tensors) {
  tensors.push_back({prefix + "gate_proj.weight", {width, hidden_size}, is_expert});
  tensors.push_back({prefix + "up_proj.weight", {width, hidden_size}, is_expert});
  tensors.push_back({prefix + "down_proj.weight", {hidden_size, width}, is_expert});
}

void add_experts(const std::string& mlp, const ModelConfig& config,
                 std::vector<TensorSpec>& tensors) {
  const int64_t hidden = config.hidden_size;
  tensors.push_back({mlp + "gate.weight", {config.num_experts, hidden}, false, true});
  tensors.push_back(
      {mlp + "moe_statics.e_score_correction_bias", {config.num_experts}, false, true});
  for (int64_t expert = 0; expert < config.num_experts; ++expert) {
    add_mlp(fmt::format("{}experts.{}.", mlp, expert), hidden, config.moe_intermediate_size, true,
            tensors);
  }
  if (config.num_shared_experts > 0) {
    add_mlp(mlp + "shared_experts.", hidden, config.shared_intermediate_size(), false, tensors);
  }
}

void add_layer(int64_t layer, const ModelConfig& config, std::vector<TensorSpec>& tensors) {
  const std::string prefix = fmt::format("model.layers.{}.", layer);
  const int64_t hidden = config.hidden_size, q = config.q_size(), kv = config.kv_size();
  tensors.push_back({prefix + "input_layernorm.weight", {hidden}});
  tensors.push_back({prefix + "self_attn.q_proj.weight", {q, hidden}});
  tensors.push_back({prefix + "self_attn.k_proj.weight", {kv, hidden}});
  tensors.push_back({prefix + "self_attn.v_proj.weight", {kv, hidden}});
  tensors.push_back({prefix + "self_attn.o_proj.weight", {hidden, q}});
  tensors.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
  if (config.is_moe_layer(layer)) {
    add_experts(prefix + "mlp.", config, tensors);
  } else {
    add_mlp(prefix + "mlp.", hidden, config.intermediate_size, false, tensors);
  }
}

}  // namespace

std::vector<TensorSpec> model_tensors(const ModelConfig& config) {
  ERNIE_CHECK(config.tie_word_embeddings.has_value());
  std::vector<TensorSpec> tensors;
  tensors.push_back({"model.embed_tokens.weight", {config.vocab_size, config.hidden_size}});
  for (int64_t layer = 0; layer < config.num_layers; ++layer) add_layer(layer, config, tensors);
  tensors.push_back({"model.norm.weight", {config.hidden_size}});
  if (!*config.tie_word_embeddings) {
    tensors.push_back({"lm_head.weight", {config.vocab_size, config.hidden_size}});
  }
  return tensors;
}

}  // namespace ernie
