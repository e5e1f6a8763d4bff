#pragma once

/// How far one recorded point of a pass is from the truth.

#include "checkpoint/model_config.h"
#include "verify/model/trace.h"

namespace ernie::verify::model {

/// Distances are relative, so that points of any width and scale can be read side by side.
struct TapError {
  int64_t num_values = 0;
  double l2 = 0;  ///< |got - want| / |want| over all values
  /// Largest |got - want| of a value beyond what its own rounding may be, in units of its row's
  /// root mean square.
  double worst = 0;
  int64_t worst_row = -1, worst_column = -1;
  double worst_got = 0, worst_want = 0;
  double max_abs = 0;
  double range = 0;           ///< largest minus smallest true value
  double largest = 0;         ///< largest true magnitude
  double worst_row_l2 = 0;    ///< the largest l2 of a single row
  double equal_fraction = 1;  ///< share of values that are equal bit for bit
  int64_t num_nonfinite = 0;  ///< values that are not finite on one side alone
};

/// Collects one point over several prompts.
class TapErrorSum {
 public:
  /// own_rounding: of a value to the device's type, relative.
  explicit TapErrorSum(double own_rounding) : own_rounding_(own_rounding) {}
  TapErrorSum() = default;
  /// The first `num_rows` rows of both; shapes must agree otherwise.
  void add(const Values& got, const Values& want, int64_t num_rows);
  TapError error() const;

 private:
  void add_row(std::span<const double> got, std::span<const double> want, int64_t row,
               double typical);
  void add_value(double got, double want, double scale, int64_t row, int64_t column, double& d2);

  double own_rounding_ = 0;
  TapError worst_;
  double sum_d2_ = 0, sum_want2_ = 0;
  double low_ = 0, high_ = 0;
  int64_t num_equal_ = 0;
};

TapError tap_error(const Values& got, const Values& want);

/// What the device stores and computes in, and what the truth was computed in.
struct Arithmetic {
  DType act = DType::kF32;      ///< activations of the device
  DType store = DType::kF32;    ///< weights, keys and values of the device
  DType truth = DType::kF64;    ///< activations of the truth
  bool weights_differ = false;  ///< the truth has weights that the device rounds to `store`
};

/// What a TapError may reach where everything before the point is given: docs/numerics.md,
/// "A whole model". 0 is bit for bit.
struct TapBudget {
  double l2 = 0, worst = 0;
  double min_equal = 0;  ///< least equal_fraction
};

/// The unit that budgets are multiples of: roundings between the point before and this one.
double rounding_unit(const ModelConfig& config, const TapPoint& point, const Arithmetic& arithmetic,
                     int64_t context_len);

/// By how much a stage enlarges a relative error of what goes into it: over all tokens, and for the
/// token where that is most.
struct Conditioning {
  double all = 1, worst_token = 1;
};

/// What is below 1 in `conditioning` counts as 1.
TapBudget tap_budget(const ModelConfig& config, const TapPoint& point, const Arithmetic& arithmetic,
                     int64_t context_len, const Conditioning& conditioning);

/// Names of what is beyond: "l2", "worst value", "equal values", "not finite".
std::vector<std::string> failed_checks(const TapError& error, const TapBudget& budget);

}  // namespace ernie::verify::model
