#include "checkpoint/model_config.h"

#include <gtest/gtest.h>

#include <functional>

#include "checkpoint/checkpoint_test_files.h"
#include "checkpoint/weight_source.h"

namespace ernie {
namespace {

// As the 21B checkpoint has it.
constexpr const char* kPublished = R"({
  "architectures": ["Ernie4_5_MoeForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
  "hidden_act": "silu", "hidden_size": 2560, "intermediate_size": 12288,
  "max_position_embeddings": 131072, "model_type": "ernie4_5_moe", "num_attention_heads": 20,
  "num_key_value_heads": 4, "num_hidden_layers": 28, "pad_token_id": 0, "rms_norm_eps": 1e-05,
  "use_cache": false, "vocab_size": 103424, "rope_theta": 500000, "rope_scaling": null,
  "use_bias": false, "torch_dtype": "bfloat16", "moe_num_experts": 64,
  "moe_num_shared_experts": 2, "moe_layer_start_index": 1, "moe_intermediate_size": 1536,
  "moe_capacity": [64, 64, 64], "moe_k": 6, "moe_gate": "topk", "moe_layer_interval": 1,
  "moe_use_aux_free": true, "num_nextn_predict_layers": 1, "tie_word_embeddings": true,
  "auto_map": {"AutoConfig": "configuration_ernie4_5_moe.Ernie4_5_MoeConfig"}})";

Result<ModelConfig> parse_changed(const std::string& changes) {
  return parse_model_config(changed_json(kPublished, changes), "config.json");
}

TEST(ModelConfig, ReadsThePublishedFile) {
  const auto config = parse_model_config(kPublished, "config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->head_dim, 128);
  EXPECT_EQ(config->q_size(), 2560);
  EXPECT_EQ(config->kv_size(), 512);
  EXPECT_EQ(config->num_layers, 28);
  EXPECT_EQ(config->shared_intermediate_size(), 3072);
  EXPECT_EQ(config->experts_per_token, 6);
  EXPECT_EQ(config->moe_layer_end, 27);
  EXPECT_FALSE(config->is_moe_layer(0));
  EXPECT_TRUE(config->is_moe_layer(1));
  EXPECT_TRUE(config->is_moe_layer(27));
  EXPECT_EQ(config->rope_theta, 500000.0);
  EXPECT_EQ(config->norm_eps, 1e-5f);
  EXPECT_EQ(config->moe_norm_min, 1e-12f);
  EXPECT_EQ(config->num_nextn_predict_layers, 1);
  EXPECT_EQ(config->tie_word_embeddings, true);
  EXPECT_EQ(config->eos_token_ids, std::vector<int32_t>{2});
}

TEST(ModelConfig, AcceptsEveryKnownSpelling) {
  struct Case {
    const char* changes;
    std::function<bool(const ModelConfig&)> holds;
  };
  const Case cases[] = {
      {R"({"moe_layer_end_index": -1})", [](auto& c) { return c.moe_layer_end == 27; }},
      {R"({"moe_layer_end_index": null})", [](auto& c) { return c.moe_layer_end == 27; }},
      {R"({"moe_layer_end_index": 20})", [](auto& c) { return c.moe_layer_end == 20; }},
      {R"({"moe_layer_end_index": 99})", [](auto& c) { return c.moe_layer_end == 27; }},
      {R"({"moe_layer_start_index": [3, 5], "moe_layer_end_index": [20, 25]})",
       [](auto& c) { return c.moe_layer_start == 3 && c.moe_layer_end == 25; }},
      {R"({"moe_num_experts": [64]})", [](auto& c) { return c.num_experts == 64; }},
      {R"({"moe_intermediate_size": [1536, 512]})",
       [](auto& c) { return c.moe_intermediate_size == 1536; }},
      {R"({"moe_layer_interval": 2})",
       [](auto& c) { return !c.is_moe_layer(2) && c.is_moe_layer(3); }},
      {R"({"moe_num_experts": "<absent>", "num_experts": 32})",
       [](auto& c) { return c.num_experts == 32; }},
      {R"({"moe_k": "<absent>", "num_experts_per_tok": 8})",
       [](auto& c) { return c.experts_per_token == 8; }},
      {R"({"moe_k": 6, "num_experts_per_tok": 6})",
       [](auto& c) { return c.experts_per_token == 6; }},
      {R"({"moe_num_shared_experts": "<absent>"})",
       [](auto& c) { return c.num_shared_experts == 0; }},
      {R"({"moe_norm_min": 1e-6})", [](auto& c) { return c.moe_norm_min == 1e-6f; }},
      {R"({"moe_gate_act": "softmax", "moe_norm_gate_logits": true})", [](auto&) { return true; }},
      {R"({"head_dim": null})", [](auto& c) { return c.head_dim == 128; }},
      {R"({"head_dim": 64})", [](auto& c) { return c.head_dim == 64 && c.q_size() == 1280; }},
      {R"({"num_key_value_heads": null})", [](auto& c) { return c.num_kv_heads == 20; }},
      {R"({"rope_theta": "<absent>"})", [](auto& c) { return c.rope_theta == 500000.0; }},
      {R"({"rope_theta": 10000.0})", [](auto& c) { return c.rope_theta == 10000.0; }},
      {R"({"rope_theta": "<absent>", "rope_scaling": "<absent>",
           "rope_parameters": {"rope_type": "default", "rope_theta": 250000.0}})",
       [](auto& c) { return c.rope_theta == 250000.0; }},
      {R"({"rope_parameters": {"rope_type": "default", "rope_theta": 500000}})",
       [](auto& c) { return c.rope_theta == 500000.0; }},
      {R"({"rope_scaling": {"type": "default"}})", [](auto&) { return true; }},
      {R"({"compression_ratio": 1.0})", [](auto&) { return true; }},
      {R"({"torch_dtype": "<absent>", "dtype": "float32"})",
       [](auto& c) { return c.dtype == DType::kF32; }},
      {R"({"torch_dtype": "float16"})", [](auto& c) { return c.dtype == DType::kF16; }},
      {R"({"torch_dtype": null})", [](auto& c) { return c.dtype == DType::kBF16; }},
      {R"({"tie_word_embeddings": "<absent>"})", [](auto& c) { return !c.tie_word_embeddings; }},
      {R"({"tie_word_embeddings": false})", [](auto& c) { return !*c.tie_word_embeddings; }},
      {R"({"eos_token_id": [2, 100272]})",
       [](auto& c) {
         return c.eos_token_ids == std::vector<int32_t>{2, 100272};
       }},
      {R"({"pad_token_id": null, "eos_token_id": "<absent>"})",
       [](auto& c) { return c.pad_token_id == 0 && c.eos_token_ids.front() == 2; }},
      {R"({"num_nextn_predict_layers": "<absent>"})",
       [](auto& c) { return c.num_nextn_predict_layers == 0; }},
      {R"({"architectures": null})",
       [](auto& c) { return c.architecture == "Ernie4_5_MoeForCausalLM"; }},
      {R"({"architectures": ["Ernie4_5_ForCausalLM"], "moe_num_experts": "<absent>"})",
       [](auto& c) { return c.architecture == "Ernie4_5ForCausalLM" && c.num_experts == 0; }},
      {R"({"architectures": ["Ernie4_5ForCausalLM"], "moe_num_experts": 0})",
       [](auto& c) { return !c.is_moe_layer(5); }},
  };
  for (const Case& test : cases) {
    const auto config = parse_changed(test.changes);
    ASSERT_TRUE(config) << test.changes << "\n" << config.error().message;
    EXPECT_TRUE(test.holds(*config)) << test.changes;
  }
}

TEST(ModelConfig, NamesWhatIsWrong) {
  struct Case {
    const char* changes;
    ErrorCode code;
    const char* message;
  };
  constexpr auto kCorrupt = ErrorCode::kCorruptData;
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  const Case cases[] = {
      {R"({"architectures": ["LlamaForCausalLM"]})", kUnsupported,
       "config.json: architectures: got LlamaForCausalLM, expected Ernie4_5_MoeForCausalLM or "
       "Ernie4_5ForCausalLM"},
      {R"({"architectures": []})", kUnsupported, "architectures: got a list"},
      {R"({"architectures": "<absent>", "model_type": "llama"})", kUnsupported,
       "architectures: got nothing, and model_type llama"},
      {R"({"hidden_size": "<absent>"})", kCorrupt,
       "hidden_size: got nothing, expected an integer from 1 to 262144"},
      {R"({"hidden_size": 0})", kCorrupt, "hidden_size: got 0, expected"},
      {R"({"hidden_size": -2560})", kCorrupt, "hidden_size: got -2560, expected"},
      {R"({"hidden_size": 2560.5})", kCorrupt, "hidden_size: got 2560.5, expected an integer"},
      {R"({"hidden_size": "2560"})", kCorrupt, "hidden_size: got \"2560\", expected an integer"},
      {R"({"vocab_size": 9223372036854775807})", kCorrupt, "vocab_size: got 9223372036854775807"},
      {R"({"vocab_size": 18446744073709551615})", kCorrupt, "vocab_size: got 18446744073709551615"},
      {R"({"vocab_size": 99999999999999999999999})", kCorrupt, "vocab_size: got 1e+23"},
      {R"({"num_hidden_layers": 100000})", kCorrupt, "num_hidden_layers: got 100000"},
      {R"({"num_key_value_heads": 3})", kCorrupt,
       "num_key_value_heads: got 3, expected a divisor of num_attention_heads = 20"},
      {R"({"num_attention_heads": 24, "num_key_value_heads": 4})", kCorrupt,
       "head_dim: got nothing, expected it, as hidden_size / num_attention_heads = 2560 / 24"},
      {R"({"head_dim": 127})", kCorrupt, "head_dim: got 127, expected an even number"},
      {R"({"moe_k": 65})", kCorrupt, "moe_k: got 65, expected an integer from 1 to 64"},
      {R"({"moe_k": 0})", kCorrupt, "moe_k: got 0"},
      {R"({"moe_k": "<absent>"})", kCorrupt, "moe_k: got nothing"},
      {R"({"num_experts_per_tok": 8})", kCorrupt,
       "num_experts_per_tok: got 8, expected 6 as under its other name moe_k"},
      {R"({"moe_num_experts": [64, 64]})", kUnsupported,
       "moe_num_experts: got a list of 2, expected one number: vision-language"},
      {R"({"moe_num_experts": 0})", kCorrupt,
       "moe_num_experts: got 0, expected at least 1 for Ernie4_5_MoeForCausalLM"},
      {R"({"architectures": ["Ernie4_5ForCausalLM"]})", kCorrupt,
       "moe_num_experts: got 64, expected 0 for Ernie4_5ForCausalLM"},
      {R"({"moe_layer_start_index": 28})", kCorrupt,
       "moe_layer_start_index: got 28, expected at most the last layer of experts, 27"},
      {R"({"moe_layer_start_index": -1})", kCorrupt, "moe_layer_start_index: got -1"},
      {R"({"moe_layer_end_index": []})", kCorrupt, "moe_layer_end_index: got a list of 0"},
      {R"({"moe_layer_interval": 0})", kCorrupt, "moe_layer_interval: got 0"},
      {R"({"moe_gate_act": "sigmoid"})", kUnsupported,
       "moe_gate_act: got sigmoid, expected softmax"},
      {R"({"moe_norm_gate_logits": false})", kUnsupported, "moe_norm_gate_logits: got false"},
      {R"({"moe_norm_min": 0})", kCorrupt, "moe_norm_min: got 0"},
      {R"({"rms_norm_eps": -1e-5})", kCorrupt, "rms_norm_eps: got -1e-05, expected a number from"},
      {R"({"rope_theta": 0})", kCorrupt, "rope_theta: got 0, expected a number from 1"},
      {R"({"rope_scaling": {"type": "yarn", "factor": 4}})", kUnsupported,
       "config.json: rope_scaling: rope_type: got yarn, expected default"},
      {R"({"rope_parameters": {"rope_type": "linear", "rope_theta": 500000}})", kUnsupported,
       "rope_parameters: rope_type: got linear"},
      {R"({"rope_parameters": {"partial_rotary_factor": 0.5}})", kUnsupported,
       "partial_rotary_factor"},
      {R"({"rope_parameters": {"rope_theta": 1000}})", kCorrupt,
       "rope_parameters: got rope_theta 1000, expected 500000"},
      {R"({"rope_scaling": 2})", kCorrupt, "rope_scaling: got 2, expected an object or null"},
      {R"({"compression_ratio": 2.0})", kUnsupported, "compression_ratio: got 2, expected 1"},
      {R"({"hidden_act": "gelu"})", kUnsupported, "hidden_act: got gelu, expected silu"},
      {R"({"use_bias": true})", kUnsupported, "use_bias: got true, expected false"},
      {R"({"use_bias": 1})", kCorrupt, "use_bias: got 1, expected true or false"},
      {R"({"quantization_config": {"bits": 4}})", kUnsupported, "quantization_config"},
      {R"({"torch_dtype": "float8_e4m3fn"})", kUnsupported, "torch_dtype: got float8_e4m3fn"},
      {R"({"dtype": "float16"})", kCorrupt, "dtype: got \"float16\", expected \"bfloat16\""},
      {R"({"eos_token_id": 103424})", kCorrupt, "eos_token_id: got 103424"},
      {R"({"eos_token_id": [2, "x"]})", kCorrupt, "eos_token_id: got \"x\""},
      {R"({"tie_word_embeddings": "yes"})", kCorrupt, "tie_word_embeddings: got \"yes\""},
  };
  for (const Case& test : cases) {
    const auto config = parse_changed(test.changes);
    ASSERT_FALSE(config) << test.changes;
    EXPECT_NE(config.error().message.find(test.message), std::string::npos)
        << test.changes << "\n"
        << config.error().message;
    EXPECT_EQ(config.error().code, test.code) << test.changes;
    EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  }
}

TEST(ModelConfig, RefusesNumbersThatAreNotFinite) {
  for (const char* number : {"1e400", "-1e400", "1e999999999999"}) {
    std::string text = kPublished;
    text.replace(text.find("1e-05"), 5, number);
    const auto config = parse_model_config(text, "config.json");
    ASSERT_FALSE(config) << number;
    EXPECT_EQ(config.error().code, ErrorCode::kCorruptData);
  }
}

TEST(ModelConfig, ReportsEveryProblemAtOnce) {
  const auto config = parse_changed(
      R"({"hidden_size": 0, "moe_k": 99, "rope_theta": "x", "use_bias": true, "eos_token_id": -1})");
  ASSERT_FALSE(config);
  for (const char* key : {"hidden_size", "moe_k", "rope_theta", "use_bias", "eos_token_id"}) {
    EXPECT_NE(config.error().message.find(key), std::string::npos) << config.error().message;
  }
  EXPECT_EQ(config.error().code, ErrorCode::kCorruptData);
}

TEST(ModelConfig, RefusesBrokenJson) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "invalid JSON"},
      {"[1]", "got a list, expected a JSON object"},
      {R"({"vocab_size": 1, "vocab_size": 2})", "got the key \"vocab_size\" twice"},
      {R"({"x": {"a": 1, "b": {}, "a": 1}})", "got the key \"a\" twice"},
      {R"({"a": NaN})", "invalid JSON after byte 6"},
      {R"({"a": 1} x)", "invalid JSON"},
      {"{\"\xff\": 1}", "invalid JSON"},
      {R"({"a": 1,})", "invalid JSON"},
  };
  for (const auto& [text, message] : cases) {
    const auto config = parse_model_config(text, "config.json");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, ErrorCode::kCorruptData);
    EXPECT_NE(config.error().message.find(message), std::string::npos) << config.error().message;
  }
  const std::string deep = "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_FALSE(parse_model_config(deep, "config.json"));
  EXPECT_FALSE(parse_model_config(std::string(2 << 20, ' ') + kPublished, "config.json"));
}

TEST(ModelConfig, EveryTruncationIsAnError) {
  const std::string text = kPublished;
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_model_config(std::string_view(text).substr(0, size), "config.json")) << size;
  }
}

TEST(ModelConfig, NoSizeOverflows) {
  const char* keys[] = {"vocab_size",
                        "hidden_size",
                        "intermediate_size",
                        "num_hidden_layers",
                        "num_attention_heads",
                        "num_key_value_heads",
                        "head_dim",
                        "moe_num_experts",
                        "moe_k",
                        "moe_intermediate_size",
                        "moe_num_shared_experts",
                        "moe_layer_interval",
                        "moe_layer_end_index",
                        "max_position_embeddings"};
  const char* values[] = {"0",          "1",          "-1",         "512",
                          "1023",       "4096",       "262144",     "16777216",
                          "2147483647", "2147483648", "4294967295", "9223372036854775807",
                          "1e308",      "[]",         "{}"};
  int num_accepted = 0;
  for (const char* key : keys) {
    for (const char* value : values) {
      const auto config = parse_changed(fmt::format(R"({{"{}": {}}})", key, value));
      if (!config) {
        EXPECT_FALSE(config.error().message.empty());
        continue;
      }
      ++num_accepted;
      for (const TensorSpec& tensor : model_tensors(*config)) {
        EXPECT_GT(tensor.shape.num_elements(), 0) << key << " " << value << " " << tensor.name;
      }
    }
  }
  EXPECT_GT(num_accepted, 20);
}

TEST(ModelConfig, WrittenAndReadAgain) {
  for (const char* preset : {"21b", "0.3b", "tiny"}) {
    const auto config = preset_model_config(preset);
    ASSERT_TRUE(config);
    const auto again = parse_model_config(to_json(*config), "config.json");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(to_json(*again), to_json(*config));
    EXPECT_EQ(again->head_dim, config->head_dim);
    EXPECT_EQ(again->moe_layer_end, config->moe_layer_end);
    EXPECT_EQ(again->norm_eps, config->norm_eps);
    EXPECT_EQ(again->num_shared_experts, config->num_shared_experts);
  }
  EXPECT_FALSE(preset_model_config("30b"));
}

}  // namespace
}  // namespace ernie
