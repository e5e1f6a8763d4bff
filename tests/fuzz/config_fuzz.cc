/// A config.json with any bytes. What is accepted must survive being written and read again, and
/// its tensors must have sizes.

#include <cstdlib>

#include "checkpoint/inspect.h"
#include "checkpoint/weight_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto config = ernie::parse_model_config(text, "x");
  if (!config) {
    if (config.error().message.empty()) std::abort();
    return 0;
  }
  const std::string written = ernie::to_json(*config);
  const auto again = ernie::parse_model_config(written, "x");
  if (!again || ernie::to_json(*again) != written) std::abort();
  constexpr int64_t kEnough = 2000;  // experts: listing more is slow and shows nothing new
  if (config->num_layers * (config->num_experts + 1) > kEnough) return 0;
  if (!config->tie_word_embeddings) config->tie_word_embeddings = false;
  const ernie::ParameterCounts counts = ernie::count_parameters(*config);
  if (counts.total <= 0 || counts.active <= 0 || counts.active > counts.total) std::abort();
  if (ernie::weight_bytes(*config) < counts.total) std::abort();
  if (ernie::kv_bytes_per_token(*config) <= 0) std::abort();
  return 0;
}
