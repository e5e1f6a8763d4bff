#include "checkpoint/name_map.h"

#include <charconv>
#include <optional>

#include "base/check.h"

namespace ernie {
namespace {

constexpr std::string_view kBias = ".mlp.moe_statics.e_score_correction_bias";
constexpr std::string_view kBiasUnderGate = ".mlp.gate.moe_statics.e_score_correction_bias";

/// `name` with its ending `from` replaced by `to`, if it ends so.
std::optional<std::string> with_suffix(std::string_view name, std::string_view from,
                                       std::string_view to) {
  if (!name.ends_with(from)) return std::nullopt;
  return std::string(name.substr(0, name.size() - from.size())).append(to);
}

/// The bias as a row matrix and as a vector, here or under the gate.
void add_bias_forms(std::string_view name, const Shape& shape, std::vector<StoredForm>& forms) {
  const Shape row{1, shape[0]};
  const std::string under_gate = *with_suffix(name, kBias, kBiasUnderGate);
  forms.push_back({std::string(name), row});
  forms.push_back({std::string(name), shape});
  forms.push_back({under_gate, row});
  forms.push_back({under_gate, shape});
}

/// A routed expert's matrix as a slice of `…experts.gate_up_proj` [E, 2 I, H] (gate rows first) or
/// `…experts.down_proj` [E, H, I].
StoredForm stacked_form(const TensorSpec& tensor, const ModelConfig& config) {
  constexpr std::string_view kExperts = ".experts.";
  const std::string_view name = tensor.name;
  const size_t number_begin = name.find(kExperts) + kExperts.size();
  const size_t number_end = name.find('.', number_begin);
  int64_t expert = 0;
  std::from_chars(name.data() + number_begin, name.data() + number_end, expert);
  const std::string prefix(name.substr(0, number_begin));
  const std::string_view matrix = name.substr(number_end + 1);
  const int64_t size = tensor.shape.num_elements();
  if (matrix == "down_proj.weight") {
    const Shape shape{config.num_experts, tensor.shape[0], tensor.shape[1]};
    return {prefix + "down_proj", shape, expert * size};
  }
  const Shape shape{config.num_experts, 2 * tensor.shape[0], tensor.shape[1]};
  const int64_t half = matrix == "up_proj.weight" ? 1 : 0;
  return {prefix + "gate_up_proj", shape, (2 * expert + half) * size};
}

/// A matrix as columns of a wider one: `qkv_proj` = Q | K | V, `up_gate_proj` = gate | up.
std::optional<StoredForm> paddle_fused_form(std::string_view name, const Shape& shape,
                                            const ModelConfig& config) {
  const int64_t q = config.q_size(), kv = config.kv_size(), out = shape[0], in = shape[1];
  struct Part {
    std::string_view part, whole;
    int64_t first_column, num_columns;
  };
  const Part parts[] = {{".q_proj.weight", ".qkv_proj.weight", 0, q + 2 * kv},
                        {".k_proj.weight", ".qkv_proj.weight", q, q + 2 * kv},
                        {".v_proj.weight", ".qkv_proj.weight", q + kv, q + 2 * kv},
                        {".gate_proj.weight", ".up_gate_proj.weight", 0, 2 * out},
                        {".up_proj.weight", ".up_gate_proj.weight", out, 2 * out}};
  for (const Part& part : parts) {
    if (const auto whole = with_suffix(name, part.part, part.whole)) {
      return StoredForm{*whole, {in, part.num_columns}, part.first_column, true};
    }
  }
  return std::nullopt;
}

std::vector<StoredForm> hugging_face_forms(const TensorSpec& tensor, const ModelConfig& config) {
  std::vector<StoredForm> forms;
  if (tensor.name.ends_with(kBias)) {
    add_bias_forms(tensor.name, tensor.shape, forms);
    return forms;
  }
  forms.push_back({tensor.name, tensor.shape});
  if (tensor.is_expert) forms.push_back(stacked_form(tensor, config));
  return forms;
}

std::vector<StoredForm> paddle_forms(const TensorSpec& tensor, const ModelConfig& config) {
  constexpr std::string_view kPrefix = "model.";
  const bool has_prefix = tensor.name.starts_with(kPrefix);
  const std::string name = has_prefix ? "ernie." + tensor.name.substr(kPrefix.size()) : tensor.name;
  std::vector<StoredForm> forms;
  if (name.ends_with(kBias)) {
    add_bias_forms(name, tensor.shape, forms);
    return forms;
  }
  if (tensor.shape.rank() == 1 || name == "ernie.embed_tokens.weight") {
    forms.push_back({name, tensor.shape});
    return forms;
  }
  forms.push_back({name, {tensor.shape[1], tensor.shape[0]}, 0, true});
  if (!has_prefix) forms.push_back({name, tensor.shape});  // a head laid out like the embedding
  if (auto fused = paddle_fused_form(name, tensor.shape, config)) {
    forms.push_back(*std::move(fused));
  }
  return forms;
}

}  // namespace

std::string_view layout_name(Layout layout) {
  return layout == Layout::kPaddle ? "Paddle" : "Hugging Face";
}

std::vector<StoredForm> stored_forms(const TensorSpec& tensor, const ModelConfig& config,
                                     Layout layout) {
  return layout == Layout::kPaddle ? paddle_forms(tensor, config)
                                   : hugging_face_forms(tensor, config);
}

IgnoredKind ignored_kind(std::string_view name, const ModelConfig& config) {
  if (name.find("mtp") != std::string_view::npos) return IgnoredKind::kMtp;
  if (name.ends_with("rotary_emb.inv_freq")) return IgnoredKind::kDerivable;
  if (name == "lm_head.weight" && config.tie_word_embeddings.value_or(false)) {
    return IgnoredKind::kTiedHead;
  }
  return IgnoredKind::kNone;
}

}  // namespace ernie
