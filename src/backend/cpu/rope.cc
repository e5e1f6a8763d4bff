#include <cmath>

#include "backend/cpu/cpu_context.h"

namespace ernie::cpu {

void rope_table(const Tensor& positions, double theta, const Tensor& table) {
  const int64_t num_pairs = table.dim(1);
  const auto* position = positions.ptr<int32_t>();
  auto* out = table.ptr<float>();
  for (int64_t j = 0; j < num_pairs; ++j) {
    // Rounded to float32 at each step, as the model was trained: see docs/numerics.md.
    const float exponent = static_cast<float>(j) / static_cast<float>(num_pairs);
    const float frequency =
        1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    for (int64_t t = 0; t < table.dim(0); ++t) {
      const double angle = static_cast<double>(static_cast<float>(position[t]) * frequency);
      out[(t * num_pairs + j) * 2] = static_cast<float>(std::cos(angle));
      out[(t * num_pairs + j) * 2 + 1] = static_cast<float>(std::sin(angle));
    }
  }
}

void rope(CpuContext& context, const Tensor& qkv, const QkvLayout& layout, const Tensor& table) {
  const int64_t num_pairs = layout.head_dim / 2;
  const int64_t num_rotated_heads = layout.num_heads + layout.num_kv_heads;
  const int64_t work_ns = qkv.dim(0) * num_rotated_heads * layout.head_dim / kRotationsPerNs;
  context.threads.run(qkv.dim(0), work_ns, [&](int64_t t, int) {
    float* head = qkv.ptr<float>() + t * layout.row_size();
    const float* angles = table.ptr<float>() + t * layout.head_dim;
    for (int64_t h = 0; h < num_rotated_heads; ++h, head += layout.head_dim) {
      for (int64_t j = 0; j < num_pairs; ++j) {
        const float cos = angles[2 * j], sin = angles[2 * j + 1];
        const float even = head[2 * j], odd = head[2 * j + 1];
        head[2 * j] = even * cos - odd * sin;
        head[2 * j + 1] = odd * cos + even * sin;
      }
    }
  });
}

}  // namespace ernie::cpu
