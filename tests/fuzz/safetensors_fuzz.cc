/// A safetensors file with any bytes: opening it, reading all that it claims to hold, and taking it
/// for a small model's weights.

#include <cstdlib>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

namespace {

constexpr std::string_view kConfig = R"({"architectures": ["Ernie4_5_MoeForCausalLM"],
  "vocab_size": 2, "hidden_size": 2, "intermediate_size": 1, "num_hidden_layers": 1,
  "num_attention_heads": 1, "num_key_value_heads": 1, "moe_num_experts": 1, "moe_k": 1,
  "moe_intermediate_size": 1, "moe_layer_start_index": 0, "eos_token_id": 1})";

void read_all(const ernie::SafetensorsFile& file) {
  uint64_t total = 0;
  for (const ernie::SafetensorsEntry& entry : file.entries()) {
    const ernie::HostTensor tensor = file.tensor(entry);
    uint8_t sum = 0;
    for (const std::byte byte : file.bytes(entry)) sum ^= std::to_integer<uint8_t>(byte);
    for (size_t i = 0; i < tensor.num_bytes(); ++i) {
      sum ^= std::to_integer<uint8_t>(tensor.data()[i]);
    }
    if (sum != 0 || file.find(entry.name) != &entry) std::abort();
    total += entry.num_bytes();
  }
  if (total > file.num_bytes()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto source = ernie::ByteSource::from_static("x", std::as_bytes(std::span(bytes)));
  const auto file = ernie::SafetensorsFile::open(source);
  if (!file) return 0;
  read_all(*file);
  const auto config =
      ernie::ByteSource::from_static("config.json", std::as_bytes(std::span(kConfig)));
  const auto weights = ernie::open_checkpoint(config, source);
  if (!weights) return 0;
  for (const ernie::TensorSpec& tensor : ernie::model_tensors((*weights)->config())) {
    const auto read = (*weights)->read(tensor.name);
    if (!read || read->num_elements() != tensor.shape.num_elements()) std::abort();
    for (size_t i = 0; i < read->num_bytes(); ++i) {
      volatile std::byte byte = read->bytes()[i];
      static_cast<void>(byte);
    }
  }
  return 0;
}
