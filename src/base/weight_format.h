#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/dtype.h"

namespace ernie {

/// How a weight is stored. DType stays what one computes with. Quantised formats are those of GGUF:
/// a block of consecutive elements of a row shares its scales.
enum class FormatId : uint8_t {
  kF32,
  kBF16,
  kF16,
  kQ4_0,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
};

struct WeightFormat {
  FormatId id;
  std::string_view name;   ///< "BF16", "Q4_0"
  int64_t block_elements;  ///< 1 where every element stands alone
  size_t block_bytes;

  /// Bytes of a row; `elements` is a multiple of block_elements.
  size_t row_bytes(int64_t elements) const {
    return static_cast<size_t>(elements / block_elements) * block_bytes;
  }
};

const WeightFormat& weight_format(FormatId id);
/// The inverse of the name; nothing for an unknown one.
std::optional<FormatId> parse_weight_format(std::string_view name);
/// Nothing for a type that weights are not stored in.
std::optional<FormatId> format_of(DType dtype);
/// Nothing for a format whose elements share a scale.
std::optional<DType> dense_dtype(FormatId id);

}  // namespace ernie
