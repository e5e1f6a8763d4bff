#pragma once

/// The inner loops of the cpu backend, one set per instruction set. Every set computes the same
/// bits: sums run in 16 float32 lanes (element i in lane i % 16, fused multiply-add) that are added
/// pairwise, 8, 4, 2 and 1 apart.

#include <cstdint>

namespace ernie::cpu {

/// bfloat16 values are passed as their 16 bits: this header is included by files that may not use
/// the rest of the program.
struct Kernels {
  const char* isa;

  /// y[t * y_stride + r] = Σ_i x[t * x_stride + i] * w[r * k + i] for t < num_tokens, r < num_rows.
  void (*matmul_f32)(const float* x, int64_t x_stride, int64_t num_tokens, const float* w,
                     int64_t num_rows, int64_t k, float* y, int64_t y_stride);
  void (*matmul_bf16)(const float* x, int64_t x_stride, int64_t num_tokens, const uint16_t* w,
                      int64_t num_rows, int64_t k, float* y, int64_t y_stride);

  /// scores[i] = exp(scale * (scores[i] - max)) in place; returns their sum. n >= 1, scale > 0.
  float (*softmax_numerators)(float* scores, int64_t n, float scale);

  /// out[d] += p[i] * v[i * dim + d], i ascending.
  void (*accumulate_f32)(const float* p, int64_t n, const float* v, int64_t dim, float* out);
  void (*accumulate_bf16)(const float* p, int64_t n, const uint16_t* v, int64_t dim, float* out);

  float (*sum_of_squares)(const float* x, int64_t n);
  /// out[i] = x[i] * scale * weight[i]
  void (*scale_and_weight)(const float* x, float scale, const float* weight, int64_t n, float* out);
  /// out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]; out may be gate or up
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* out);
  /// out[i] = x[i] + y[i]; out may be x or y
  void (*add)(const float* x, const float* y, int64_t n, float* out);
};

const Kernels& portable_kernels();
const Kernels& avx2_kernels();    // needs AVX2 and FMA
const Kernels& avx512_kernels();  // needs AVX-512 F, BW, DQ and VL

}  // namespace ernie::cpu
