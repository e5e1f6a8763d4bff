#pragma once

/// The error of an operation's result, measured in units of what rounding may cause: e = (got -
/// want) / budget for each element, where the budget follows from the inputs of that very element
/// (docs/numerics.md, section 14). Beside it the measures that vendors and frameworks publish.

#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace ernie::verify {

/// Half the distance from 1 to the next number of the type, relative: 2^-24, 2^-11, 2^-8; 0 for
/// F64, which counts as exact here.
double unit_roundoff(DType dtype);
/// Half the smallest subnormal number of the type.
double half_smallest(DType dtype);
/// x to nearest even in F32, BF16 or F16; F64: x.
double round_to(DType dtype, double x);

/// What a kind of result may reach. 0 is bit for bit.
struct Tolerance {
  double emax = 2;
  double erms = 0.5;
  /// Also test the gain and the bias. Not where the elements of a row share one error.
  bool independent = false;
};
constexpr double kMaxGain = 6, kMaxBias = 6;
constexpr int64_t kMinElementsForBias = 4096;
constexpr int64_t kMinElementsForRms = 64;

/// Everything said about one comparison.
struct ErrorSummary {
  int64_t num_elements = 0;
  double emax = 0;
  double erms = 0;
  double gain = 0;  ///< deviation of the best factor between both from 1, in its own spread
  double bias = 0;  ///< deviation of the mean error from 0, in its own spread
  int64_t num_nonfinite_mismatches = 0;
  int64_t num_nonzero = 0;  ///< elements whose truth is not zero
  int64_t num_exact = 0;    ///< those of them that are equal to it, unrounded as it is
  double max_abs = 0;       ///< largest |got - want|

  int64_t worst_index = -1;  ///< in the caller's numbering
  double worst_got = 0, worst_want = 0, worst_budget = 0;

  // What others publish.
  bool allclose = true;      ///< |d| <= 1e-3 + 1e-2 |want| everywhere
  double mere = 0;           ///< mean of |d| / |want|
  double mare = 0;           ///< largest |d| / |want|
  double rmse = 0;           ///< root of the mean of d²
  double cosine = 1;         ///< of the angle between got and want
  double nmse = 0;           ///< Σ d² / Σ want²
  double max_ulp = 0;        ///< largest |d| in units in the last place of want
  bool mixed_passes = true;  ///< CANN's mixed tolerance of July 2026
};

/// Collects one comparison, element by element.
class ErrorMeter {
 public:
  /// out: the type that `got` was stored in.
  explicit ErrorMeter(DType out) : out_(out) {}
  void add(int64_t index, double got, double want, double budget);
  ErrorSummary summary() const;

 private:
  void add_finite(int64_t index, double got, double want, double budget);

  DType out_;
  ErrorSummary s_;
  double sum_e_ = 0, sum_e2_ = 0, sum_cross_ = 0, sum_weight_ = 0;
  double sum_d2_ = 0, sum_want2_ = 0, sum_got2_ = 0, sum_product_ = 0, sum_relative_ = 0;
  int64_t num_finite_ = 0, num_outside_mixed_ = 0;
};

/// The names of the checks that a summary fails: "emax", "erms", "nonfinite", "gain", "bias",
/// "too exact". `inexact`: the data cannot be represented exactly, so that no difference at all
/// means that nothing was compared.
std::vector<std::string> failed_checks(const ErrorSummary& summary, const Tolerance& tolerance,
                                       bool inexact);

}  // namespace ernie::verify
