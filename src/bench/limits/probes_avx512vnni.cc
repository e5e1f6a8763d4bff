#include <immintrin.h>

#include <cstdint>

#include "bench/limits/chains.h"
#include "bench/limits/probes.h"

namespace ernie::bench {

#define STEP(n) "vpdpbusd %[a], %[a], %[c" n "]\n\t"
double dot_int8_avx512vnni(int64_t num_rounds) {
  __m512i c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm512_set1_epi32(static_cast<int>(i));
  const __m512i a = _mm512_set1_epi8(1);
  __asm__ volatile(ERNIE_CHAINS_LOOP(STEP)
                   : ERNIE_CHAINS_OPERANDS("+v", c, num_rounds)
                   : [a] "v"(a)
                   : "cc");
  int64_t sum = 0;
  for (const __m512i& lanes : c) sum += _mm_cvtsi128_si32(_mm512_castsi512_si128(lanes));
  return static_cast<double>(sum);
}
#undef STEP

}  // namespace ernie::bench
