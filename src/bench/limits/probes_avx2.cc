#include <immintrin.h>

#include <cstdint>

#include "bench/limits/chains.h"
#include "bench/limits/probes.h"

namespace ernie::bench {

uint64_t read_avx2(const void* data, uint64_t num_bytes) {
  const auto* p = static_cast<const __m256i*>(data);
  const __m256i* end = p + num_bytes / sizeof(__m256i);
  __m256i sums[4] = {};
  for (; p != end; p += 4) {
    for (int j = 0; j < 4; ++j) sums[j] = _mm256_add_epi64(sums[j], _mm256_load_si256(p + j));
  }
  alignas(32) uint64_t words[4];
  _mm256_store_si256(
      reinterpret_cast<__m256i*>(words),
      _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
  return words[0] + words[1] + words[2] + words[3];
}

#define STEP(n) "vfmadd213ps %[a], %[a], %[c" n "]\n\t"
double fma_f32_avx2(int64_t num_rounds) {
  __m256 c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(1.0001f);
  __asm__ volatile(ERNIE_CHAINS_LOOP(STEP)
                   : ERNIE_CHAINS_OPERANDS("+x", c, num_rounds)
                   : [a] "x"(a)
                   : "cc");
  double sum = 0;
  for (const __m256& lanes : c) sum += static_cast<double>(_mm256_cvtss_f32(lanes));
  return sum;
}
#undef STEP

#define STEP(n)                      \
  "vpmaddubsw %[a], %[a], %[t]\n\t"  \
  "vpmaddwd %[ones], %[t], %[t]\n\t" \
  "vpaddd %[t], %[c" n "], %[c" n "]\n\t"
double dot_int8_avx2(int64_t num_rounds) {
  __m256i c[kChains];
  for (int64_t i = 0; i < kChains; ++i) c[i] = _mm256_set1_epi32(static_cast<int>(i));
  const __m256i a = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  __m256i t;
  __asm__ volatile(ERNIE_CHAINS_LOOP(STEP)
                   : ERNIE_CHAINS_OPERANDS("+x", c, num_rounds), [t] "=&x"(t)
                   : [a] "x"(a), [ones] "x"(ones)
                   : "cc");
  int64_t sum = 0;
  for (const __m256i& lanes : c) sum += _mm256_extract_epi32(lanes, 0);
  return static_cast<double>(sum);
}
#undef STEP

}  // namespace ernie::bench
