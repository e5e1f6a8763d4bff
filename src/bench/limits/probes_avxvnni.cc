#include <immintrin.h>

#include <cstdint>

#include "bench/limits/chains.h"
#include "bench/limits/probes.h"

namespace ernie::bench {

#define STEP(n) "%{vex%} vpdpbusd %[a], %[a], %[c" n "]\n\t"
double dot_int8_avxvnni(int64_t num_rounds) {
  __m256i c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm256_set1_epi32(static_cast<int>(i));
  const __m256i a = _mm256_set1_epi8(1);
  __asm__ volatile(ERNIE_CHAINS_LOOP(STEP)
                   : ERNIE_CHAINS_OPERANDS("+x", c, num_rounds)
                   : [a] "x"(a)
                   : "cc");
  int64_t sum = 0;
  for (const __m256i& lanes : c) sum += _mm256_extract_epi32(lanes, 0);
  return static_cast<double>(sum);
}
#undef STEP

}  // namespace ernie::bench
