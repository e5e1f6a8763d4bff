#include <cstdint>

#include "bench/limits/probes.h"

namespace ernie::bench {

uint64_t read_portable(const void* data, uint64_t num_bytes) {
  const auto* words = static_cast<const uint64_t*>(data);
  uint64_t sums[8] = {};
  for (uint64_t i = 0; i < num_bytes / sizeof(uint64_t); i += 8) {
    for (uint64_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

double fma_f32_portable(int64_t num_rounds) {
  // A vector type of the compiler: arrays would be kept in memory by some of them.
  typedef float Lanes __attribute__((vector_size(kPortableLanes * sizeof(float))));
  Lanes c[kChains];
  for (int64_t i = 0; i < kChains; ++i) {
    const auto start = static_cast<float>(i);
    c[i] = Lanes{start, start, start, start};
  }
  const Lanes a = {1.0001f, 1.0001f, 1.0001f, 1.0001f};
  for (int64_t k = 0; k < num_rounds; ++k) {
    for (Lanes& lanes : c) lanes = lanes * a + a;
  }
  double sum = 0;
  for (const Lanes& lanes : c) {
    for (int64_t j = 0; j < kPortableLanes; ++j) sum += static_cast<double>(lanes[j]);
  }
  return sum;
}

}  // namespace ernie::bench
