/// A model.safetensors.index.json with any bytes. No file name that is accepted may leave the
/// directory.

#include <cstdlib>

#include "checkpoint/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto index = ernie::parse_shard_index(text, "x");
  if (!index) return 0;
  for (const std::string& file : index->files) {
    if (file.empty() || file.front() == '/' || file.find('\0') != std::string::npos) std::abort();
    if (("/" + file + "/").find("/../") != std::string::npos) std::abort();
  }
  for (const auto& entry : index->file_of_tensor) {
    if (entry.second >= index->files.size()) std::abort();
  }
  return 0;
}
