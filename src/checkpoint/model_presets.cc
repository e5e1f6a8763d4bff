#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>

#include "checkpoint/model_config.h"
#include "checkpoint/model_presets.h"

namespace ernie {
namespace {

namespace json = boost::json;

const char* config_dtype_name(DType dtype) {
  if (dtype == DType::kF32) return "float32";
  return dtype == DType::kF16 ? "float16" : "bfloat16";
}

/// The shortest decimal that gives the same float.
double decimal(float value) { return std::stod(fmt::format("{}", value)); }

json::value eos_value(const std::vector<int32_t>& ids) {
  if (ids.size() == 1) return ids.front();
  return json::array(ids.begin(), ids.end());
}

void add_expert_fields(const ModelConfig& config, json::object& object) {
  object["moe_num_experts"] = config.num_experts;
  object["moe_k"] = config.experts_per_token;
  object["moe_intermediate_size"] = config.moe_intermediate_size;
  object["moe_num_shared_experts"] = config.num_shared_experts;
  object["moe_layer_start_index"] = config.moe_layer_start;
  object["moe_layer_end_index"] = config.moe_layer_end;
  object["moe_layer_interval"] = config.moe_layer_interval;
  object["moe_norm_min"] = decimal(config.moe_norm_min);
}

std::string value_text(const json::value& value) {
  if (const double* number = value.if_double()) return fmt::format("{}", *number);
  return json::serialize(value);
}

/// One field a line, as people expect of a config.json.
std::string to_lines(const json::object& object) {
  std::string lines = "{\n";
  for (const auto& field : object) {
    if (lines.size() > 2) lines += ",\n";
    lines += fmt::format("  \"{}\": {}", std::string_view(field.key()), value_text(field.value()));
  }
  return lines + "\n}\n";
}

ModelConfig preset_21b() {
  ModelConfig config;
  config.architecture = "Ernie4_5_MoeForCausalLM";
  config.vocab_size = 103424;
  config.hidden_size = 2560;
  config.num_layers = 28;
  config.num_heads = 20;
  config.num_kv_heads = 4;
  config.head_dim = 128;
  config.intermediate_size = 12288;
  config.num_experts = 64;
  config.experts_per_token = 6;
  config.moe_intermediate_size = 1536;
  config.num_shared_experts = 2;
  config.moe_layer_start = 1;
  config.moe_layer_end = 27;
  config.max_position_embeddings = 131072;
  config.tie_word_embeddings = true;
  return config;
}

ModelConfig preset_0_3b() {
  ModelConfig config;
  config.architecture = "Ernie4_5ForCausalLM";
  config.vocab_size = 103424;
  config.hidden_size = 1024;
  config.num_layers = 18;
  config.num_heads = 16;
  config.num_kv_heads = 2;
  config.head_dim = 128;
  config.intermediate_size = 3072;
  config.max_position_embeddings = 131072;
  config.tie_word_embeddings = true;
  return config;
}

ModelConfig preset_tiny() {
  ModelConfig config = preset_21b();
  config.vocab_size = 1024;
  config.hidden_size = 64;
  config.num_layers = 4;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.intermediate_size = 192;
  config.num_experts = 8;
  config.experts_per_token = 3;
  config.moe_intermediate_size = 32;
  config.moe_layer_end = 3;
  return config;
}

struct Preset {
  const char* name;
  ModelConfig (*make)();
};
constexpr Preset kPresets[] = {{"21b", preset_21b}, {"0.3b", preset_0_3b}, {"tiny", preset_tiny}};

/// "owner/model", with the characters that hubs allow.
bool is_hub_name(std::string_view name) {
  const auto is_part = [](std::string_view part) {
    return !part.empty() && std::isalnum(static_cast<unsigned char>(part[0])) != 0 &&
           std::all_of(part.begin(), part.end(), [](unsigned char c) {
             return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
           });
  };
  const size_t slash = name.find('/');
  return slash != std::string_view::npos && is_part(name.substr(0, slash)) &&
         is_part(name.substr(slash + 1));
}

}  // namespace

std::string to_json(const ModelConfig& config) {
  const bool has_experts = config.num_experts > 0;
  json::object object;
  object["architectures"] = json::array{config.architecture};
  object["model_type"] = has_experts ? "ernie4_5_moe" : "ernie4_5";
  object["torch_dtype"] = config_dtype_name(config.dtype);
  object["vocab_size"] = config.vocab_size;
  object["hidden_size"] = config.hidden_size;
  object["intermediate_size"] = config.intermediate_size;
  object["num_hidden_layers"] = config.num_layers;
  object["num_attention_heads"] = config.num_heads;
  object["num_key_value_heads"] = config.num_kv_heads;
  object["head_dim"] = config.head_dim;
  object["hidden_act"] = "silu";
  object["use_bias"] = false;
  object["rms_norm_eps"] = decimal(config.norm_eps);
  object["rope_theta"] = config.rope_theta;
  object["max_position_embeddings"] = config.max_position_embeddings;
  if (has_experts) add_expert_fields(config, object);
  if (config.tie_word_embeddings) object["tie_word_embeddings"] = *config.tie_word_embeddings;
  object["num_nextn_predict_layers"] = config.num_nextn_predict_layers;
  object["bos_token_id"] = config.bos_token_id;
  object["eos_token_id"] = eos_value(config.eos_token_ids);
  object["pad_token_id"] = config.pad_token_id;
  return to_lines(object);
}

std::optional<ModelConfig> preset_model_config(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (name == preset.name) return preset.make();
  }
  return std::nullopt;
}

std::string preset_names() {
  std::string names;
  for (const Preset& preset : kPresets)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  return names;
}

std::string model_name_hint(const std::string& name) {
  if (preset_model_config(name)) {
    return fmt::format(
        "; {} is the name of a shape, of which `ernie dummy DIR --config {}` writes a "
        "checkpoint with random weights",
        name, name);
  }
  return is_hub_name(name) ? "; it looks like the name of a repository on a hub: this program "
                             "downloads nothing, so give the directory with its files"
                           : "";
}

}  // namespace ernie
