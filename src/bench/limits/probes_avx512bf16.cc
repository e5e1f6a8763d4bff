#include <immintrin.h>

#include <cstdint>

#include "bench/limits/chains.h"
#include "bench/limits/probes.h"

namespace ernie::bench {

#define STEP(n) "vdpbf16ps %[a], %[a], %[c" n "]\n\t"
double dot_bf16_avx512(int64_t num_rounds) {
  __m512 c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512i a = _mm512_set1_epi16(0x3f80);  // 1.0
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
