#include "base/weight_format.h"

#include <array>

#include "base/check.h"

namespace ernie {
namespace {

// In the order of FormatId. Block sizes are those of GGUF: 32 elements, or 256 for the K formats.
constexpr std::array kFormats{WeightFormat{FormatId::kF32, "F32", 1, 4},
                              WeightFormat{FormatId::kBF16, "BF16", 1, 2},
                              WeightFormat{FormatId::kF16, "F16", 1, 2},
                              WeightFormat{FormatId::kQ4_0, "Q4_0", 32, 18},
                              WeightFormat{FormatId::kQ8_0, "Q8_0", 32, 34},
                              WeightFormat{FormatId::kQ4_K, "Q4_K", 256, 144},
                              WeightFormat{FormatId::kQ5_K, "Q5_K", 256, 176},
                              WeightFormat{FormatId::kQ6_K, "Q6_K", 256, 210},
                              WeightFormat{FormatId::kIQ4_NL, "IQ4_NL", 32, 18}};

}  // namespace

const WeightFormat& weight_format(FormatId id) {
  const WeightFormat& format = kFormats[static_cast<size_t>(id)];
  ERNIE_CHECK(format.id == id, "{} is out of place", format.name);
  return format;
}

std::optional<FormatId> parse_weight_format(std::string_view name) {
  for (const WeightFormat& format : kFormats) {
    if (format.name == name) return format.id;
  }
  return std::nullopt;
}

std::optional<FormatId> format_of(DType dtype) {
  if (dtype == DType::kF32) return FormatId::kF32;
  if (dtype == DType::kBF16) return FormatId::kBF16;
  if (dtype == DType::kF16) return FormatId::kF16;
  return std::nullopt;
}

std::optional<DType> dense_dtype(FormatId id) {
  if (id == FormatId::kF32) return DType::kF32;
  if (id == FormatId::kBF16) return DType::kBF16;
  if (id == FormatId::kF16) return DType::kF16;
  return std::nullopt;
}

}  // namespace ernie
