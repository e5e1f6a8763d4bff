#include <cmath>

#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {

void ReferenceBackend::do_rope_table(const Tensor& positions, double theta, const Tensor& table) {
  const int64_t num_pairs = table.dim(1);
  auto* out = table.ptr<float>();
  for (int64_t t = 0; t < table.dim(0); ++t) {
    for (int64_t j = 0; j < num_pairs; ++j) {
      // Each step is rounded to float32 as the original does: at position 100,000 the last bit of
      // the frequency is worth a hundredth of a radian.
      const float exponent = static_cast<float>(2 * j) / static_cast<float>(2 * num_pairs);
      const auto power = static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
      const float frequency = 1.0f / power;
      const float angle = static_cast<float>(positions.ptr<int32_t>()[t]) * frequency;
      *out++ = static_cast<float>(std::cos(static_cast<double>(angle)));
      *out++ = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

void ReferenceBackend::do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) {
  const auto num_pairs = static_cast<size_t>(layout.head_dim / 2);
  const int64_t num_rotated_pairs = layout.value_offset() / 2;
  const DType wide = arithmetic_of(qkv.dtype);
  for (int64_t t = 0; t < qkv.dim(0); ++t) {
    Row& row = read_row(qkv, t, room_.row);
    const std::span<const float> angles = table.row<float>(t);
    for (size_t pair = 0; pair < static_cast<size_t>(num_rotated_pairs); ++pair) {
      const double cos = static_cast<double>(angles[2 * (pair % num_pairs)]);
      const double sin = static_cast<double>(angles[2 * (pair % num_pairs) + 1]);
      const double even = row[2 * pair], odd = row[2 * pair + 1];
      row[2 * pair] = rounded(wide, even * cos) - rounded(wide, odd * sin);
      row[2 * pair + 1] = rounded(wide, odd * cos) + rounded(wide, even * sin);
    }
    write_row(qkv, t, row);
  }
}

}  // namespace ernie::reference
