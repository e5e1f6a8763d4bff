#pragma once

/// The JSON at the start of a safetensors file.
///
///     8 bytes   header length n, little endian
///     n bytes   {"__metadata__": {key: text, …}, name: {"dtype": …, "shape": […],
///               "data_offsets": [begin, end]}, …}, padded with spaces
///     the rest  the tensors' bytes, row major; offsets count from here

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/tensor.h"

namespace ernie {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0;  ///< bytes after the header
  uint64_t end = 0;

  uint64_t num_bytes() const { return end - begin; }
};

/// Limits beyond those of the format, against files made to exhaust memory.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr size_t kMaxSafetensorsEntries = 1'000'000;
inline constexpr size_t kMaxSafetensorsNameBytes = 1024;
inline constexpr size_t kMaxSafetensorsMetadataBytes = 1 << 20;

/// The entries in the order of the text. Checks each on its own (known dtype, shape whose size does
/// not overflow and equals end - begin), not how they lie in the file and not whether two have one
/// name. `file` stands in the messages.
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header,
                                                               const std::string& file);

}  // namespace ernie
