#include "checkpoint/checkpoint_test_files.h"

#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <numeric>
#include <sstream>

namespace ernie {

namespace fs = std::filesystem;

std::string with_header(std::string_view header, std::string_view data) {
  std::string file(8, '\0');
  for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(header.size() >> (8 * i));
  return file.append(header).append(data);
}

std::string make_safetensors(const std::vector<StoredTensor>& tensors) {
  std::string header, data;
  for (const StoredTensor& tensor : tensors) {
    std::ostringstream entry;
    entry << (header.empty() ? "{" : ",") << '"' << tensor.name << R"(":{"dtype":")" << tensor.dtype
          << R"(","shape":[)";
    for (size_t i = 0; i < tensor.dims.size(); ++i) entry << (i > 0 ? "," : "") << tensor.dims[i];
    entry << R"(],"data_offsets":[)" << data.size() << "," << data.size() + tensor.bytes.size()
          << "]}";
    header += entry.str();
    data += tensor.bytes;
  }
  return with_header(header.empty() ? "{}" : header + "}", data);
}

std::string patterned_bytes(size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

std::string golden_directory(std::string_view name) {
  return (fs::path(ERNIE_SOURCE_DIR) / "tests/golden" / name).string();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string changed_json(std::string_view text, std::string_view changes) {
  auto object = boost::json::parse({text.data(), text.size()}).as_object();
  const auto changed = boost::json::parse({changes.data(), changes.size()});
  for (const auto& field : changed.as_object()) {
    object[field.key()] = field.value();
    if (field.value() == "<absent>") object.erase(field.key());
  }
  return boost::json::serialize(object);
}

std::string small_config() {
  return R"({"architectures": ["Ernie4_5_MoeForCausalLM"], "torch_dtype": "bfloat16",
    "vocab_size": 10, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
    "moe_num_experts": 2, "moe_k": 1, "moe_intermediate_size": 4, "moe_num_shared_experts": 1,
    "moe_layer_start_index": 1, "tie_word_embeddings": true})";
}

std::vector<StoredTensor> small_tensors() {
  std::vector<StoredTensor> tensors;
  const auto add = [&](const std::string& name, const char* dtype, std::vector<int64_t> dims) {
    const auto count = std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
    const size_t width = std::string_view(dtype) == "F32" ? 4 : 2;
    std::string bytes = patterned_bytes(static_cast<size_t>(count) * width);
    for (char& byte : bytes) byte = static_cast<char>(byte + 31 * static_cast<int>(tensors.size()));
    tensors.push_back({name, dtype, std::move(dims), std::move(bytes)});
  };
  const auto add_mlp = [&](const std::string& prefix, int64_t width) {
    add(prefix + "gate_proj.weight", "BF16", {width, 8});
    add(prefix + "up_proj.weight", "BF16", {width, 8});
    add(prefix + "down_proj.weight", "BF16", {8, width});
  };
  const std::string second = "model.layers.1.mlp.";
  add(second + "gate.weight", "F32", {2, 8});
  add(second + "moe_statics.e_score_correction_bias", "F32", {1, 2});
  add("model.embed_tokens.weight", "BF16", {10, 8});
  for (const std::string prefix : {"model.layers.0.", "model.layers.1."}) {
    add(prefix + "input_layernorm.weight", "BF16", {8});
    add(prefix + "self_attn.q_proj.weight", "BF16", {8, 8});
    add(prefix + "self_attn.k_proj.weight", "BF16", {4, 8});
    add(prefix + "self_attn.v_proj.weight", "BF16", {4, 8});
    add(prefix + "self_attn.o_proj.weight", "BF16", {8, 8});
    add(prefix + "post_attention_layernorm.weight", "BF16", {8});
  }
  add_mlp("model.layers.0.mlp.", 6);
  add_mlp(second + "experts.0.", 4);
  add_mlp(second + "experts.1.", 4);
  add_mlp(second + "shared_experts.", 4);
  add("model.norm.weight", "BF16", {8});
  return tensors;
}

}  // namespace ernie
