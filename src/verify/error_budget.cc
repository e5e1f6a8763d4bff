#include "verify/error_budget.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace ernie::verify {
namespace {

struct Format {
  int significand_bits;  // with the hidden one
  int min_exponent;      // of the smallest subnormal number
  double largest;
};

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {24, -149, 0x1.fffffep127};
    case DType::kBF16:
      return {8, -133, 0x1.fep127};
    case DType::kF16:
      return {11, -24, 65504};
    default:
      ERNIE_CHECK(dtype == DType::kF64, "no float format: {}", dtype_name(dtype));
      return {53, -1074, 0x1.fffffffffffffp1023};
  }
}

/// Distance between neighbouring numbers of the format around x.
double unit_in_last_place(const Format& format, double x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, std::max(exponent - format.significand_bits, format.min_exponent));
}

struct MixedTolerance {
  double relative, absolute, largest;
};

MixedTolerance mixed_tolerance(DType out) {
  switch (out) {
    case DType::kBF16:
      return {0x1p-6, 0x1p-6, 1};
    case DType::kF16:
      return {0x1p-9, 0x1p-9, 0.1};
    default:
      return {0x1p-10, 0x1p-16, 1e-2};
  }
}

}  // namespace

double unit_roundoff(DType dtype) {
  return dtype == DType::kF64 ? 0 : std::ldexp(1.0, -format_of(dtype).significand_bits);
}

double half_smallest(DType dtype) {
  return dtype == DType::kF64 ? 0 : std::ldexp(0.5, format_of(dtype).min_exponent);
}

double round_to(DType dtype, double x) {
  if (dtype == DType::kF64 || x == 0 || !std::isfinite(x)) return x;
  if (dtype == DType::kF32) return static_cast<double>(static_cast<float>(x));
  const Format format = format_of(dtype);
  const double unit = unit_in_last_place(format, x);
  const double rounded = std::nearbyint(x / unit) * unit;
  return std::abs(rounded) > format.largest ? std::copysign(INFINITY, x) : rounded;
}

void ErrorMeter::add(int64_t index, double got, double want, double budget) {
  ++s_.num_elements;
  if (std::isfinite(got) && std::isfinite(want)) return add_finite(index, got, want, budget);
  s_.allclose = s_.allclose && std::isfinite(got) == std::isfinite(want);
  if (std::isfinite(got) == std::isfinite(want)) return;
  if (s_.num_nonfinite_mismatches++ == 0) {
    s_.worst_index = index;
    s_.worst_got = got;
    s_.worst_want = want;
    s_.worst_budget = budget;
  }
}

void ErrorMeter::add_finite(int64_t index, double got, double want, double budget) {
  const double d = got - want, magnitude = std::abs(want);
  // Without a budget only equality will do.
  const double e = d == 0 ? 0 : (budget > 0 ? d / budget : std::copysign(INFINITY, d));
  if (std::abs(e) > s_.emax || s_.worst_index < 0) {
    s_.emax = std::max(s_.emax, std::abs(e));
    if (s_.num_nonfinite_mismatches == 0) {
      s_.worst_index = index;
      s_.worst_got = got;
      s_.worst_want = want;
      s_.worst_budget = budget;
    }
  }
  ++num_finite_;
  s_.num_nonzero += want != 0 ? 1 : 0;
  s_.num_exact += want != 0 && d == 0 ? 1 : 0;
  s_.max_abs = std::max(s_.max_abs, std::abs(d));
  sum_e_ += e;
  sum_e2_ += e * e;
  if (budget > 0) {
    sum_cross_ += got / budget * (want / budget);
    sum_weight_ += want / budget * (want / budget);
  }
  sum_d2_ += d * d;
  sum_want2_ += want * want;
  sum_got2_ += got * got;
  sum_product_ += got * want;
  const double relative = d == 0 ? 0 : std::abs(d) / (magnitude + 1e-30);
  sum_relative_ += relative;
  s_.mare = std::max(s_.mare, relative);
  s_.allclose = s_.allclose && std::abs(d) <= 1e-3 + 1e-2 * magnitude;
  if (out_ != DType::kF64) {
    s_.max_ulp = std::max(s_.max_ulp, std::abs(d) / unit_in_last_place(format_of(out_), want));
  }
  const MixedTolerance mixed = mixed_tolerance(out_);
  num_outside_mixed_ += std::abs(d) > mixed.absolute + mixed.relative * magnitude ? 1 : 0;
}

ErrorSummary ErrorMeter::summary() const {
  ErrorSummary s = s_;
  if (num_finite_ == 0) return s;
  const auto n = static_cast<double>(num_finite_);
  s.erms = std::sqrt(sum_e2_ / n);
  if (sum_weight_ > 0) {
    s.gain = std::abs(sum_cross_ / sum_weight_ - 1) * std::sqrt(sum_weight_) / 0.6;
  }
  if (num_finite_ >= kMinElementsForBias && s.erms > 0) {
    s.bias = std::abs(sum_e_ / n) * std::sqrt(n) / s.erms;
  }
  s.mere = sum_relative_ / n;
  s.rmse = std::sqrt(sum_d2_ / n);
  s.nmse = sum_want2_ > 0 ? sum_d2_ / sum_want2_ : 0;
  const double lengths = std::sqrt(sum_want2_) * std::sqrt(sum_got2_);
  if (lengths > 0) s.cosine = sum_product_ / lengths;
  const MixedTolerance mixed = mixed_tolerance(out_);
  const bool small = s.max_abs <= mixed.largest || s.max_ulp <= 32;
  s.mixed_passes = static_cast<double>(num_outside_mixed_) <= 0.01 * n && small &&
                   s.num_nonfinite_mismatches == 0;
  return s;
}

std::vector<std::string> failed_checks(const ErrorSummary& s, const Tolerance& tolerance,
                                       bool inexact) {
  std::vector<std::string> failed;
  if (s.num_nonfinite_mismatches > 0) failed.emplace_back("nonfinite");
  if (!(s.emax <= tolerance.emax)) failed.emplace_back("emax");
  const bool exact_expected = tolerance.emax == 0;
  if ((s.num_elements >= kMinElementsForRms || exact_expected) && !(s.erms <= tolerance.erms)) {
    failed.emplace_back("erms");
  }
  if (tolerance.independent && s.gain > kMaxGain) failed.emplace_back("gain");
  if (tolerance.independent && s.bias > kMaxBias) failed.emplace_back("bias");
  constexpr int64_t kEnough = 16;
  if (inexact && s.num_nonzero >= kEnough && s.num_exact == s.num_nonzero) {
    failed.emplace_back("too exact");
  }
  return failed;
}

}  // namespace ernie::verify
