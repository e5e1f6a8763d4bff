// The bodies of Kernels, written once over Lanes. Included by one file per instruction set, after
// that set's lanes header and with ERNIE_ISA naming its namespace. Nothing here may be an inline
// function that another file could also define: the linker would keep one copy, perhaps the wrong
// one.

#include <cstdint>

#include "backend/cpu/isa/kernels.h"

namespace ernie::cpu::ERNIE_ISA {
namespace {

constexpr int64_t kWidth = 16;

/// The last n < 16 elements of a row with zeros behind them: adds nothing to a sum.
template <typename T>
inline Lanes load_padded(const T* p, int64_t n) {
  T padded[kWidth] = {};
  for (int64_t i = 0; i < n; ++i) padded[i] = p[i];
  return load(padded);
}

/// exp(x) to 2 ulp, x clamped to [-87, 88]; NaN stays NaN. 2^n * (1 + r + r² q(r)), |r| <= ln(2) /
/// 2; q minimises the largest relative error (3e-9, below float32's own rounding).
inline Lanes exp(Lanes x) {
  x = min(broadcast(88.0f), max(broadcast(-87.0f), x));  // in this order NaN passes through
  // Adding 1.5 * 2^23 leaves round(x / ln 2) in the low bits.
  const Lanes magic = broadcast(12582912.0f);
  const Lanes shifted = fma(x, broadcast(0x1.715476p+0f), magic);
  const Lanes n = sub(shifted, magic);
  Lanes r = fma(n, broadcast(-0x1.62ep-1f), x);
  r = fma(n, broadcast(-0x1.0bfbe8p-15f), r);
  Lanes q = broadcast(0x1.6a2350p-10f);
  q = fma(q, r, broadcast(0x1.123a6cp-7f));
  q = fma(q, r, broadcast(0x1.5558f4p-5f));
  q = fma(q, r, broadcast(0x1.555490p-3f));
  q = fma(q, r, broadcast(0x1.fffffcp-2f));
  const Lanes p = add(fma(mul(r, r), q, r), broadcast(1.0f));
  return mul(p, pow2_of_low_bits(shifted));
}

template <typename W, int R, int T>
inline void matmul_tile(const float* x, int64_t x_stride, const W* w, int64_t k, float* y,
                        int64_t y_stride) {
  Lanes sums[R][T];
  for (auto& row : sums) {
    for (Lanes& sum : row) sum = broadcast(0.0f);
  }
  const auto step = [&](auto load_x, auto load_w) {
    Lanes xs[T];
    for (int t = 0; t < T; ++t) xs[t] = load_x(x + t * x_stride);
    for (int r = 0; r < R; ++r) {
      const Lanes weights = load_w(w + r * k);
      for (int t = 0; t < T; ++t) sums[r][t] = fma(weights, xs[t], sums[r][t]);
    }
  };
  int64_t i = 0;
  for (; i + kWidth <= k; i += kWidth) {
    step([i](const float* p) { return load(p + i); }, [i](const W* p) { return load(p + i); });
  }
  if (i < k) {
    step([i, k](const float* p) { return load_padded(p + i, k - i); },
         [i, k](const W* p) { return load_padded(p + i, k - i); });
  }
  for (int r = 0; r < R; ++r) {
    for (int t = 0; t < T; ++t) y[t * y_stride + r] = sum_lanes(sums[r][t]);
  }
}

template <typename W, int T>
inline void matmul_rows(const float* x, int64_t x_stride, const W* w, int64_t num_rows, int64_t k,
                        float* y, int64_t y_stride) {
  // A single token has few accumulators: more rows at once hide the latency of the addition.
  constexpr int kRows = T == 1 ? 4 : kTileRows;
  int64_t r = 0;
  for (; r + kRows <= num_rows; r += kRows) {
    matmul_tile<W, kRows, T>(x, x_stride, w + r * k, k, y + r, y_stride);
  }
  for (; r < num_rows; ++r) matmul_tile<W, 1, T>(x, x_stride, w + r * k, k, y + r, y_stride);
}

template <typename W>
void matmul(const float* x, int64_t x_stride, int64_t num_tokens, const W* w, int64_t num_rows,
            int64_t k, float* y, int64_t y_stride) {
  int64_t t = 0;
  for (; t + kTileTokens <= num_tokens; t += kTileTokens) {
    matmul_rows<W, kTileTokens>(x + t * x_stride, x_stride, w, num_rows, k, y + t * y_stride,
                                y_stride);
  }
  for (; t < num_tokens; ++t) {
    matmul_rows<W, 1>(x + t * x_stride, x_stride, w, num_rows, k, y + t * y_stride, y_stride);
  }
}

/// Calls body(i, lanes_of) for each 16 elements of [0, n); lanes_of(p) loads p's elements there,
/// padded with zeros at the end, and put(p, lanes) stores those that exist.
template <typename Body>
inline void for_each_lanes(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    body([i](const float* p) { return load(p + i); }, [i](float* p, Lanes a) { store(p + i, a); });
  }
  if (i == n) return;
  body([i, n](const float* p) { return load_padded(p + i, n - i); },
       [i, n](float* p, Lanes a) {
         float all[kWidth];
         store(all, a);
         for (int64_t j = i; j < n; ++j) p[j] = all[j - i];
       });
}

float softmax_numerators(float* scores, int64_t n, float scale) {
  Lanes lane_max = broadcast(scores[0]);
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) lane_max = max(load(scores + i), lane_max);
  float largest = max_lanes(lane_max);
  for (; i < n; ++i) largest = scores[i] > largest ? scores[i] : largest;

  Lanes sum = broadcast(0.0f);
  const Lanes factor = broadcast(scale), top = broadcast(largest);
  for (i = 0; i + kWidth <= n; i += kWidth) {
    const Lanes e = exp(mul(factor, sub(load(scores + i), top)));
    store(scores + i, e);
    sum = add(sum, e);
  }
  if (i < n) {
    float rest[kWidth];
    store(rest, exp(mul(factor, sub(load_padded(scores + i, n - i), top))));
    for (int64_t j = n - i; j < kWidth; ++j) rest[j] = 0.0f;
    for (int64_t j = i; j < n; ++j) scores[j] = rest[j - i];
    sum = add(sum, load(rest));
  }
  return sum_lanes(sum);
}

template <typename V>
void accumulate(const float* p, int64_t n, const V* v, int64_t dim, float* out) {
  int64_t d = 0;
  for (; d + 4 * kWidth <= dim; d += 4 * kWidth) {
    Lanes sums[4];
    for (int c = 0; c < 4; ++c) sums[c] = load(out + d + c * kWidth);
    for (int64_t i = 0; i < n; ++i) {
      const Lanes factor = broadcast(p[i]);
      for (int c = 0; c < 4; ++c)
        sums[c] = fma(factor, load(v + i * dim + d + c * kWidth), sums[c]);
    }
    for (int c = 0; c < 4; ++c) store(out + d + c * kWidth, sums[c]);
  }
  for (; d + kWidth <= dim; d += kWidth) {
    Lanes sum = load(out + d);
    for (int64_t i = 0; i < n; ++i) sum = fma(broadcast(p[i]), load(v + i * dim + d), sum);
    store(out + d, sum);
  }
  if (d == dim) return;
  Lanes sum = load_padded(out + d, dim - d);
  for (int64_t i = 0; i < n; ++i)
    sum = fma(broadcast(p[i]), load_padded(v + i * dim + d, dim - d), sum);
  float all[kWidth];
  store(all, sum);
  for (int64_t j = d; j < dim; ++j) out[j] = all[j - d];
}

float sum_of_squares(const float* x, int64_t n) {
  Lanes sum = broadcast(0.0f);
  for_each_lanes(n, [&](auto at, auto) { sum = fma(at(x), at(x), sum); });
  return sum_lanes(sum);
}

void scale_and_weight(const float* x, float scale, const float* weight, int64_t n, float* out) {
  for_each_lanes(
      n, [&](auto at, auto put) { put(out, mul(mul(at(x), broadcast(scale)), at(weight))); });
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  const Lanes one = broadcast(1.0f), zero = broadcast(0.0f), huge = broadcast(1e38f);
  for_each_lanes(n, [&](auto at, auto put) {
    const Lanes g = at(gate), x = sub(zero, g);
    // Where exp is clamped its true value is infinite as far as the quotient is concerned: without
    // this a gate of -1e38 would give -0.6 instead of 0.
    const Lanes beyond = max(zero, sub(x, broadcast(88.0f)));
    const Lanes e = mul(exp(x), fma(beyond, huge, one));
    put(out, mul(div(g, add(one, e)), at(up)));
  });
}

void add_rows(const float* x, const float* y, int64_t n, float* out) {
  for_each_lanes(n, [&](auto at, auto put) { put(out, add(at(x), at(y))); });
}

constexpr Kernels make_kernels(const char* isa) {
  return {isa,
          matmul<float>,
          matmul<uint16_t>,
          softmax_numerators,
          accumulate<float>,
          accumulate<uint16_t>,
          sum_of_squares,
          scale_and_weight,
          silu_mul,
          add_rows};
}

}  // namespace
}  // namespace ernie::cpu::ERNIE_ISA
