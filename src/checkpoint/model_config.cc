#include "checkpoint/model_config.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "checkpoint/problems.h"
#include "json/fields.h"
#include "json/parse.h"

namespace ernie {
namespace {

namespace json = boost::json;

// Far above every published model, and low enough that no product of them overflows: all weights of
// the largest model that passes are under 2^58 bytes, the keys and values of its context under
// 2^59.
constexpr int64_t kMaxVocabSize = 1 << 24;
constexpr int64_t kMaxWidth = 1 << 18;  // hidden_size and the intermediate sizes
constexpr int64_t kMaxLayers = 512;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 1024;
constexpr int64_t kMaxExperts = 512;
constexpr int64_t kMaxSharedExperts = 64;
constexpr int64_t kMaxPositions = 1 << 24;
constexpr size_t kMaxFileBytes = 1 << 20;

constexpr const char* kMoeArchitecture = "Ernie4_5_MoeForCausalLM";
constexpr const char* kDenseArchitecture = "Ernie4_5ForCausalLM";

std::string architecture_of(JsonFields& fields) {
  std::string got = "nothing";
  if (const json::value* value = fields.find("architectures")) {
    const json::array* list = value->if_array();
    const bool has_name = list != nullptr && !list->empty() && list->front().is_string();
    got = has_name ? std::string(list->front().get_string()) : brief(*value);
  } else if (const auto model_type = fields.text({"model_type"})) {
    if (*model_type == "ernie4_5_moe") return kMoeArchitecture;
    if (*model_type == "ernie4_5") return kDenseArchitecture;
    got = "nothing, and model_type " + *model_type;
  }
  if (got == kMoeArchitecture) return got;
  if (got == kDenseArchitecture || got == "Ernie4_5_ForCausalLM") return kDenseArchitecture;
  fields.refuse(ErrorCode::kUnsupported, "architectures", printable(got),
                fmt::format("{} or {}", kMoeArchitecture, kDenseArchitecture));
  return {};
}

DType dtype_of_weights(JsonFields& fields) {
  const std::string text = fields.text({"torch_dtype", "dtype"}).value_or("bfloat16");
  if (text == "bfloat16") return DType::kBF16;
  if (text == "float16") return DType::kF16;
  if (text == "float32") return DType::kF32;
  fields.refuse(ErrorCode::kUnsupported, "torch_dtype", printable(text),
                "bfloat16, float16 or float32");
  return DType::kBF16;
}

void read_head_dim(JsonFields& fields, ModelConfig& config) {
  if (fields.find("head_dim") != nullptr) {
    config.head_dim = fields.integer({"head_dim"}, 2, kMaxHeadDim);
  } else if (config.num_heads > 0 && config.hidden_size > 0) {
    config.head_dim = config.hidden_size / config.num_heads;
    if (config.hidden_size % config.num_heads != 0 || config.head_dim > kMaxHeadDim) {
      fields.refuse(ErrorCode::kCorruptData, "head_dim", "nothing",
                    fmt::format("it, as hidden_size / num_attention_heads = {} / {} is no integer "
                                "up to {}",
                                config.hidden_size, config.num_heads, kMaxHeadDim));
    }
  }
  if (config.head_dim % 2 != 0) {
    fields.refuse(ErrorCode::kCorruptData, "head_dim", std::to_string(config.head_dim),
                  "an even number");
  }
}

void read_sizes(JsonFields& fields, ModelConfig& config) {
  config.vocab_size = fields.integer({"vocab_size"}, 1, kMaxVocabSize);
  config.hidden_size = fields.integer({"hidden_size"}, 1, kMaxWidth);
  config.intermediate_size = fields.integer({"intermediate_size"}, 1, kMaxWidth);
  config.num_layers = fields.integer({"num_hidden_layers"}, 1, kMaxLayers);
  config.num_heads = fields.integer({"num_attention_heads"}, 1, kMaxHeads);
  config.num_kv_heads = fields.integer({"num_key_value_heads"}, 1, kMaxHeads, config.num_heads);
  if (config.num_kv_heads > 0 && config.num_heads % config.num_kv_heads != 0) {
    fields.refuse(ErrorCode::kCorruptData, "num_key_value_heads",
                  std::to_string(config.num_kv_heads),
                  fmt::format("a divisor of num_attention_heads = {}", config.num_heads));
  }
  config.max_position_embeddings =
      fields.integer({"max_position_embeddings"}, 1, kMaxPositions, 131072);
  config.norm_eps =
      static_cast<float>(fields.number({"rms_norm_eps"}, 1e-30, 1.0, config.norm_eps));
  read_head_dim(fields, config);
}

/// Vision-language files give [text, vision].
void read_moe_layers(JsonFields& fields, ModelConfig& config) {
  const int64_t last = config.num_layers - 1;
  const auto start = fields.integers({"moe_layer_start_index"}, 0, kMaxLayers, {1});
  const auto end = fields.integers({"moe_layer_end_index"}, -1, kMaxLayers, {-1});
  config.moe_layer_interval = fields.integer({"moe_layer_interval"}, 1, kMaxLayers, 1);
  if (start.empty() || end.empty() || last < 0) return;
  config.moe_layer_start = *std::min_element(start.begin(), start.end());
  config.moe_layer_end = *std::max_element(end.begin(), end.end());
  if (config.moe_layer_end < 0 || config.moe_layer_end > last) config.moe_layer_end = last;
  if (config.moe_layer_start > config.moe_layer_end) {
    fields.refuse(ErrorCode::kCorruptData, "moe_layer_start_index",
                  std::to_string(config.moe_layer_start),
                  fmt::format("at most the last layer of experts, {}", config.moe_layer_end));
  }
}

void refuse_other_gates(JsonFields& fields) {
  const std::string gate = fields.text({"moe_gate_act"}).value_or("softmax");
  if (gate != "softmax") {
    fields.refuse(ErrorCode::kUnsupported, "moe_gate_act", printable(gate), "softmax");
  }
  if (!fields.boolean({"moe_norm_gate_logits"}).value_or(true)) {
    fields.refuse(ErrorCode::kUnsupported, "moe_norm_gate_logits", "false", "true");
  }
}

/// The first of a list; 0 after a complaint.
int64_t first_integer(JsonFields& fields, JsonFields::Keys keys, int64_t min, int64_t max) {
  if (fields.find(keys) == nullptr) return fields.integer(keys, min, max);
  const auto values = fields.integers(keys, min, max, {});
  return values.empty() ? 0 : values.front();
}

void read_experts(JsonFields& fields, ModelConfig& config) {
  const auto num_experts = fields.integers({"moe_num_experts", "num_experts"}, 0, kMaxExperts, {0});
  if (num_experts.size() > 1) {
    fields.refuse(ErrorCode::kUnsupported, "moe_num_experts",
                  fmt::format("a list of {}", num_experts.size()),
                  "one number: vision-language models are not supported");
    return;
  }
  const bool has_experts = !num_experts.empty() && num_experts.front() > 0;
  const bool should_have = config.architecture == kMoeArchitecture;
  if (!num_experts.empty() && !config.architecture.empty() && has_experts != should_have) {
    fields.refuse(ErrorCode::kCorruptData, "moe_num_experts", std::to_string(num_experts.front()),
                  fmt::format("{} for {}", should_have ? "at least 1" : "0", config.architecture));
  }
  if (!should_have) return;
  config.num_experts = num_experts.empty() ? 0 : num_experts.front();
  const int64_t max_chosen = has_experts ? config.num_experts : kMaxExperts;
  config.experts_per_token = fields.integer({"moe_k", "num_experts_per_tok"}, 1, max_chosen);
  config.moe_intermediate_size = first_integer(fields, {"moe_intermediate_size"}, 1, kMaxWidth);
  config.num_shared_experts = fields.integer({"moe_num_shared_experts"}, 0, kMaxSharedExperts, 0);
  config.moe_norm_min =
      static_cast<float>(fields.number({"moe_norm_min"}, 1e-30, 1.0, config.moe_norm_min));
  read_moe_layers(fields, config);
  refuse_other_gates(fields);
}

/// rope_parameters of transformers 5, or the older rope_scaling: nothing but "no scaling" is known.
/// Returns the theta in it.
std::optional<double> read_rope_object(JsonFields& fields, std::string_view key) {
  const json::value* value = fields.find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) {
    fields.refuse(ErrorCode::kCorruptData, key, brief(*value), "an object or null");
    return std::nullopt;
  }
  JsonFields::Place place = fields.place();
  place.file += fmt::format("{}: ", key);
  JsonFields nested(value->get_object(), std::move(place));
  const std::string type = nested.text({"rope_type", "type"}).value_or("default");
  if (type != "default") {
    nested.refuse(ErrorCode::kUnsupported, "rope_type", printable(type), "default");
  }
  if (nested.number({"partial_rotary_factor"}, 0.0, 1.0, 1.0) != 1.0) {
    nested.refuse(ErrorCode::kUnsupported, "partial_rotary_factor", "less than 1", "1");
  }
  std::optional<double> theta;
  if (nested.find("rope_theta") != nullptr) theta = nested.number({"rope_theta"}, 1.0, 1e15, 1.0);
  for (const Error& problem : nested.problems()) fields.fail_with(problem);
  return theta;
}

void read_rope(JsonFields& fields, ModelConfig& config) {
  std::optional<double> theta;
  if (fields.find("rope_theta") != nullptr) {
    theta = fields.number({"rope_theta"}, 1.0, 1e15, config.rope_theta);
  }
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const auto nested = read_rope_object(fields, key);
    if (nested && theta && *nested != *theta) {
      fields.refuse(ErrorCode::kCorruptData, key, fmt::format("rope_theta {}", *nested),
                    fmt::format("{} as elsewhere in the file", *theta));
    }
    if (nested) theta = nested;
  }
  config.rope_theta = theta.value_or(config.rope_theta);
  // The original implementation divides positions by it.
  const double ratio = fields.number({"compression_ratio"}, 0.0, 1e15, 1.0);
  if (ratio != 1.0) {
    fields.refuse(ErrorCode::kUnsupported, "compression_ratio", fmt::format("{}", ratio), "1");
  }
}

void read_tokens(JsonFields& fields, ModelConfig& config) {
  const int64_t last = config.vocab_size > 0 ? config.vocab_size - 1 : kMaxVocabSize;
  config.bos_token_id = static_cast<int32_t>(fields.integer({"bos_token_id"}, 0, last, 1));
  config.pad_token_id = static_cast<int32_t>(fields.integer({"pad_token_id"}, -1, last, 0));
  const auto eos = fields.integers({"eos_token_id"}, 0, last, {2});
  config.eos_token_ids.assign(eos.begin(), eos.end());
}

/// Switches whose other position would need code that this program does not have.
void refuse_other_variants(JsonFields& fields) {
  const std::string act = fields.text({"hidden_act"}).value_or("silu");
  if (act != "silu") {
    fields.refuse(ErrorCode::kUnsupported, "hidden_act", printable(act), "silu");
  }
  for (const std::string_view key : {"use_bias", "attention_bias", "mlp_bias"}) {
    if (fields.boolean({key}).value_or(false)) {
      fields.refuse(ErrorCode::kUnsupported, key, "true", "false");
    }
  }
  if (!fields.boolean({"use_rmsnorm"}).value_or(true)) {
    fields.refuse(ErrorCode::kUnsupported, "use_rmsnorm", "false", "true");
  }
  if (fields.find("quantization_config") != nullptr) {
    fields.refuse(ErrorCode::kUnsupported, "quantization_config", "a quantised checkpoint",
                  "weights in bfloat16, float16 or float32");
  }
}

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view text, const std::string& name) {
  if (text.size() > kMaxFileBytes) {
    return make_error(ErrorCode::kCorruptData, "{}: got {} bytes, expected at most {}", name,
                      text.size(), kMaxFileBytes);
  }
  ERNIE_TRY(const json::object object, parse_json_object(text, name));
  JsonFields fields(object, JsonFields::Place{name + ": ", "", ErrorCode::kCorruptData});
  ModelConfig config;
  config.architecture = architecture_of(fields);
  config.dtype = dtype_of_weights(fields);
  read_sizes(fields, config);
  read_experts(fields, config);
  read_rope(fields, config);
  read_tokens(fields, config);
  config.tie_word_embeddings = fields.boolean({"tie_word_embeddings"});
  config.num_nextn_predict_layers = fields.integer({"num_nextn_predict_layers"}, 0, kMaxLayers, 0);
  refuse_other_variants(fields);
  if (fields.ok()) return config;
  Problems problems;
  for (const Error& problem : fields.problems()) problems.add(problem);
  return problems.to_error(problems.errors().size());
}

}  // namespace ernie
