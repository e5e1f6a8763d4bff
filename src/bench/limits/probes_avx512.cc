#include <immintrin.h>

#include <cstdint>

#include "bench/limits/chains.h"
#include "bench/limits/probes.h"

namespace ernie::bench {

uint64_t read_avx512(const void* data, uint64_t num_bytes) {
  const auto* p = static_cast<const __m512i*>(data);
  const __m512i* end = p + num_bytes / sizeof(__m512i);
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (; p != end; p += 4) {
    for (int j = 0; j < 4; ++j) sums[j] = _mm512_add_epi64(sums[j], _mm512_load_si512(p + j));
  }
  return static_cast<uint64_t>(_mm512_reduce_add_epi64(
      _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3]))));
}

#define STEP(n) "vfmadd213ps %[a], %[a], %[c" n "]\n\t"
double fma_f32_avx512(int64_t num_rounds) {
  __m512 c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(1.0001f);
  __asm__ volatile(ERNIE_CHAINS_LOOP(STEP)
                   : ERNIE_CHAINS_OPERANDS("+v", c, num_rounds)
                   : [a] "v"(a)
                   : "cc");
  double sum = 0;
  for (const __m512& lanes : c) sum += static_cast<double>(_mm512_cvtss_f32(lanes));
  return sum;
}
#undef STEP

}  // namespace ernie::bench
