#include "verify/faults/host_kernels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "verify/error_budget.h"

namespace ernie::verify::host {
namespace {

double bf16(double x) { return round_to(DType::kBF16, x); }

/// x with so many significant bits.
double with_bits(double x, int bits) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const double unit = std::ldexp(1.0, exponent - bits);
  return std::nearbyint(x / unit) * unit;
}

double silu(double x) { return x / (1 + std::exp(-x)); }

/// One dot product under a fault.
double dot(const double* x, const double* w, int64_t n, bool alone, Quirk quirk) {
  int64_t end = n, block = n;
  if (quirk == Quirk::kLastKDropped) end = n - 1;
  if (quirk == Quirk::kLastTileDropped) end = std::max<int64_t>(n - 16, 0);
  if (quirk == Quirk::kBf16Partials) block = 64;
  if (quirk == Quirk::kBf16SplitK) block = (n + 3) / 4;
  const bool narrow_parts = quirk == Quirk::kBf16Partials || quirk == Quirk::kBf16SplitK;
  const int bits = quirk == Quirk::kTf32 ? 11 : quirk == Quirk::kHf32 ? 12 : 0;
  double total = 0;
  for (int64_t begin = 0; begin < end; begin += block) {
    double sum = 0;
    for (int64_t k = begin; k < std::min(begin + block, end); ++k) {
      const double a = bits > 0 ? with_bits(x[k], bits) : x[k];
      const double b = bits > 0 ? with_bits(w[k], bits) : w[k];
      sum += a * b;
      // Float32 sums in the order of k for one row, anything else for many.
      if (quirk == Quirk::kOtherOrderAlone && alone) sum = round_to(DType::kF32, sum);
    }
    total = narrow_parts ? bf16(total + bf16(sum)) : total + sum;
  }
  return total;
}

void spoil_output(Values& y, int64_t rows, int64_t columns, Quirk quirk) {
  const auto at = [&](int64_t row, int64_t column) -> double& {
    return y[static_cast<size_t>(row * columns + column)];
  };
  if (quirk == Quirk::kZeros) std::ranges::fill(y, 0.0);
  if (quirk == Quirk::kOneElement) at(rows - 1, columns / 3) *= 1.03;
  for (int64_t r = 0; r < rows; ++r) {
    if (quirk == Quirk::kColumnsShifted) {
      const auto begin = y.begin() + static_cast<std::ptrdiff_t>(r * columns);
      std::rotate(begin, begin + 1, begin + static_cast<std::ptrdiff_t>(columns));
    }
  }
  if (quirk == Quirk::kStaleRow && rows > 1) {
    for (int64_t c = 0; c < columns; ++c) at(rows - 1, c) = at(0, c);
  }
}

}  // namespace

double truncated_to(DType dtype, double x) {
  if (dtype == DType::kF64 || x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  // Between subnormal numbers the distance is that of the smallest one from zero.
  const double unit =
      std::max(std::ldexp(unit_roundoff(dtype), exponent), 2 * half_smallest(dtype));
  return round_to(dtype, std::trunc(x / unit) * unit);  // infinite beyond the largest number
}

Values linear(const Values& x, const Values& w, int64_t in, const Mode& mode) {
  const auto depth = static_cast<size_t>(in);
  const auto rows = static_cast<int64_t>(x.size() / depth);
  const auto columns = static_cast<int64_t>(w.size() / depth);
  Values weights = w;
  if (mode.quirk == Quirk::kTransposed) {
    for (int64_t n = 0; n < columns; ++n) {
      for (int64_t k = 0; k < in; ++k) {
        weights[static_cast<size_t>(n * in + k)] = w[static_cast<size_t>(k * columns + n)];
      }
    }
  }
  Values y;
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      double sum = dot(&x[static_cast<size_t>(m * in)], &weights[static_cast<size_t>(n * in)], in,
                       rows == 1, mode.quirk);
      if (mode.quirk == Quirk::kGain) sum *= 1.002;
      y.push_back(mode.quirk == Quirk::kTruncatingStore ? truncated_to(mode.out, sum)
                                                        : round_to(mode.out, sum));
    }
  }
  spoil_output(y, rows, columns, mode.quirk);
  for (double& v : y) v = round_to(mode.out, v);
  return y;
}

Values norm(const Values& x, const Values& weight, float eps, const Mode& mode) {
  const size_t width = weight.size();
  Values y;
  for (size_t begin = 0; begin < x.size(); begin += width) {
    Values row(x.begin() + static_cast<std::ptrdiff_t>(begin),
               x.begin() + static_cast<std::ptrdiff_t>(begin + width));
    if (mode.quirk == Quirk::kMeanSubtracted) {
      const double mean = std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(width);
      for (double& v : row) v -= mean;
    }
    double squares = 0;
    for (const double v : row) squares += v * v;
    const double count =
        static_cast<double>(width) - (mode.quirk == Quirk::kShortMean && width > 16 ? 16 : 0);
    const double e = static_cast<double>(eps) * (mode.quirk == Quirk::kEpsilonTenth ? 0.1 : 1);
    const double scale = 1 / std::sqrt(squares / count + e);
    for (size_t i = 0; i < width; ++i) {
      const bool late = mode.quirk == Quirk::kWeightBeforeRounding;
      const double normed = late ? row[i] * scale : round_to(mode.act, row[i] * scale);
      const double result = normed * weight[i];
      y.push_back(round_to(mode.act, mode.quirk == Quirk::kGain ? result * 1.002 : result));
    }
  }
  return y;
}

Values rope_table(const std::vector<int32_t>& positions, double theta, int64_t num_pairs,
                  const Mode& mode) {
  Values table;
  if (mode.quirk == Quirk::kOtherTheta) theta = 10000;
  for (int32_t position : positions) {
    if (mode.quirk == Quirk::kNextPosition) ++position;
    for (int64_t j = 0; j < num_pairs; ++j) {
      const bool wide = mode.quirk == Quirk::kDoubleAngle;
      const auto step = [&](double v) { return wide ? v : round_to(DType::kF32, v); };
      const double power =
          step(std::pow(theta, step(static_cast<double>(j) / static_cast<double>(num_pairs))));
      double angle = step(static_cast<double>(position) * step(1 / power));
      if (mode.quirk == Quirk::kBf16Angle) angle = bf16(angle);
      const DType stored = mode.quirk == Quirk::kBf16Table ? DType::kBF16 : DType::kF32;
      table.push_back(round_to(stored, std::cos(angle)));
      table.push_back(round_to(stored, std::sin(angle)));
    }
  }
  return table;
}

Values rope(Values qkv, const QkvLayout& layout, const Values& table, const Mode& mode) {
  const int64_t dim = layout.head_dim, pairs = dim / 2, width = layout.row_size();
  const int64_t heads =
      layout.num_heads + (mode.quirk == Quirk::kValuesTurned ? 2 : 1) * layout.num_kv_heads;
  const bool halves = mode.quirk == Quirk::kHalvesPaired;
  for (int64_t t = 0; t * width < static_cast<int64_t>(qkv.size()); ++t) {
    for (int64_t h = 0; h < heads; ++h) {
      double* head = &qkv[static_cast<size_t>(t * width + h * dim)];
      for (int64_t j = 0; j < pairs; ++j) {
        double& a = head[halves ? j : 2 * j];
        double& b = head[halves ? j + pairs : 2 * j + 1];
        const double cos = table[static_cast<size_t>((t * pairs + j) * 2)];
        double sin = table[static_cast<size_t>((t * pairs + j) * 2 + 1)];
        if (mode.quirk == Quirk::kTurnedBack) sin = -sin;
        const double turned = a * cos - b * sin;
        b = round_to(mode.act, b * cos + a * sin);
        a = round_to(mode.act, turned);
      }
    }
  }
  return qkv;
}

Values silu_mul(const Values& gate_up, int64_t width, const Mode& mode) {
  Values y;
  for (size_t begin = 0; begin < gate_up.size(); begin += static_cast<size_t>(2 * width)) {
    for (int64_t i = 0; i < width; ++i) {
      double gate = gate_up[begin + static_cast<size_t>(i)];
      double up = gate_up[begin + static_cast<size_t>(width + i)];
      if (mode.quirk == Quirk::kGateUpSwapped) std::swap(gate, up);
      double activated = silu(gate);
      if (mode.quirk == Quirk::kNoSilu) activated = gate;
      if (mode.quirk == Quirk::kGeluLike) activated = gate / (1 + std::exp(-1.702 * gate));
      if (mode.quirk == Quirk::kBf16Exponential) activated = gate / (1 + bf16(std::exp(-gate)));
      y.push_back(round_to(mode.act, round_to(mode.act, activated) * up));
    }
  }
  return y;
}

Values add(const Values& x, const Values& y, const Mode& mode) {
  Values sum;
  for (size_t i = 0; i < x.size(); ++i) {
    double s = mode.quirk == Quirk::kSecondMissing ? x[i] : x[i] + y[i];
    if (mode.quirk == Quirk::kGain) s *= 1.002;
    if (mode.quirk == Quirk::kBf16Sum) s = bf16(s);
    sum.push_back(round_to(mode.act, s));
  }
  return sum;
}

std::vector<int32_t> argmax(const Values& logits, int64_t vocabulary, const Mode& mode) {
  std::vector<int32_t> ids;
  const int64_t seen = mode.quirk == Quirk::kTailSkipped ? vocabulary - 1 : vocabulary;
  for (size_t begin = 0; begin < logits.size(); begin += static_cast<size_t>(vocabulary)) {
    int32_t best = -1;
    bool is_usable = true;
    for (int64_t i = 0; i < seen; ++i) {
      const double x = logits[begin + static_cast<size_t>(i)];
      if (mode.quirk != Quirk::kUnusableTaken) is_usable &= x < INFINITY;
      const double largest = best < 0 ? -INFINITY : logits[begin + static_cast<size_t>(best)];
      const bool ties = mode.quirk == Quirk::kHigherIdOnTie && best >= 0 && x == largest;
      if (x > largest || ties) best = static_cast<int32_t>(i);
    }
    ids.push_back(is_usable ? best : -1);
  }
  return ids;
}

}  // namespace ernie::verify::host
