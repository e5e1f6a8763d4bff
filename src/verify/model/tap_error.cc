#include "verify/model/tap_error.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "verify/error_budget.h"

namespace ernie::verify::model {
namespace {

// Calibrated: docs/numerics.md, "A whole model".
constexpr double kL2 = 0.5, kWorst = 4;
constexpr double kMinEqual = 0.95;
constexpr int64_t kEnoughForEqual = 64;
/// A row that is nearly zero beside the others is measured by a part of theirs.
constexpr double kSmallRow = 0x1p-10;
constexpr double kRoundingsOfAStage = 8;

double square(double x) { return x * x; }

/// With the truth's own rounding points only the order of a sum is left to differ: a few values
/// fall to the other side of a border, by one unit.
TapBudget same_roundings_budget(Tap tap, double float32_unit) {
  const double unit = unit_roundoff(DType::kBF16);
  const bool is_exact = tap == Tap::kEmbedding || tap == Tap::kExpertIds;
  const bool is_float32 = tap == Tap::kRouterLogits;
  if (is_exact) return {};
  return {.l2 = kL2 * float32_unit + 2 * unit * std::sqrt(1 - kMinEqual),
          .worst = kWorst * unit,
          .min_equal = is_float32 ? 0 : kMinEqual};
}

}  // namespace

void TapErrorSum::add(const Values& got, const Values& want, int64_t num_rows) {
  ERNIE_CHECK(got.columns == want.columns && num_rows <= std::min(got.rows, want.rows),
              "[{}, {}] and [{}, {}]", got.rows, got.columns, want.rows, want.columns);
  double sum2 = 0;
  for (const double x : want.data) sum2 += square(x);
  const double typical =
      std::sqrt(sum2 / static_cast<double>(std::max<size_t>(want.data.size(), 1)));
  for (int64_t r = 0; r < num_rows; ++r) add_row(got.row(r), want.row(r), r, typical);
}

void TapErrorSum::add_row(std::span<const double> got, std::span<const double> want, int64_t row,
                          double typical) {
  const auto columns = static_cast<double>(want.size());
  double want2 = 0, d2 = 0;
  for (const double x : want) want2 += square(x);
  const double scale = std::hypot(std::sqrt(want2 / columns), kSmallRow * typical);
  for (size_t c = 0; c < want.size(); ++c) {
    add_value(got[c], want[c], scale, row, static_cast<int64_t>(c), d2);
  }
  sum_d2_ += d2;
  sum_want2_ += want2;
  if (d2 == 0) return;
  const double l2 = scale > 0 ? std::sqrt(d2 / columns) / scale : INFINITY;
  worst_.worst_row_l2 = std::max(worst_.worst_row_l2, l2);
}

void TapErrorSum::add_value(double got, double want, double scale, int64_t row, int64_t column,
                            double& d2) {
  const bool is_first = worst_.num_values++ == 0;
  low_ = is_first ? want : std::min(low_, want);
  high_ = is_first ? want : std::max(high_, want);
  worst_.largest = std::max(worst_.largest, std::abs(want));
  if (got == want) {
    ++num_equal_;
    return;
  }
  // A NaN compares false with everything, so it must not look like no error.
  const bool is_finite = std::isfinite(got) && std::isfinite(want);
  const double d = is_finite ? std::abs(got - want) : INFINITY;
  worst_.num_nonfinite += is_finite ? 0 : 1;
  d2 += square(d);
  worst_.max_abs = std::max(worst_.max_abs, d);
  const double beyond = is_finite ? std::max(d - own_rounding_ * std::abs(want), 0.0) : INFINITY;
  const double relative = beyond == 0 ? 0 : (scale > 0 ? beyond / scale : INFINITY);
  if (relative <= worst_.worst && worst_.worst_row >= 0) return;
  worst_.worst = relative;
  worst_.worst_row = row;
  worst_.worst_column = column;
  worst_.worst_got = got;
  worst_.worst_want = want;
}

TapError TapErrorSum::error() const {
  TapError e = worst_;
  e.range = high_ - low_;
  if (sum_d2_ > 0) e.l2 = sum_want2_ > 0 ? std::sqrt(sum_d2_ / sum_want2_) : INFINITY;
  if (e.num_values > 0) {
    e.equal_fraction = static_cast<double>(num_equal_) / static_cast<double>(e.num_values);
  }
  return e;
}

TapError tap_error(const Values& got, const Values& want) {
  TapErrorSum sum;
  sum.add(got, want, want.rows);
  return sum.error();
}

double rounding_unit(const ModelConfig& c, const TapPoint& point, const Arithmetic& a,
                     int64_t context_len) {
  const auto terms = [&]() -> int64_t {
    switch (point.tap) {
      case Tap::kEmbedding:
        return 0;
      case Tap::kAttention:
        return 2 * c.hidden_size + 2 * c.head_dim + context_len + c.q_size();
      case Tap::kRouterLogits:
      case Tap::kFinalNorm:
        return 2 * c.hidden_size;
      case Tap::kExpertIds:
        return 0;
      case Tap::kExpertWeights:
        return c.num_experts + 24;  // and a few roundings of the weight itself
      case Tap::kRouted:
        return 2 * c.hidden_size + c.moe_intermediate_size;
      case Tap::kShared:
        return 2 * c.hidden_size + c.shared_intermediate_size();
      case Tap::kMlp:
        return 2 * c.hidden_size + c.intermediate_size;
      case Tap::kLayer:
        return c.is_moe_layer(point.layer) ? 16 : 2 * c.hidden_size + c.intermediate_size;
      case Tap::kLogits:
        return c.hidden_size;
    }
    return 0;
  }();
  double unit = std::sqrt(static_cast<double>(terms)) * unit_roundoff(DType::kF32);
  if (a.act == DType::kBF16 && a.truth == DType::kBF16) return unit;
  const bool is_exact = point.tap == Tap::kEmbedding || point.tap == Tap::kExpertIds ||
                        point.tap == Tap::kExpertWeights;
  if (a.act == DType::kBF16 && !is_exact) unit += kRoundingsOfAStage * unit_roundoff(DType::kBF16);
  if (point.tap == Tap::kAttention && a.act == DType::kF32 && a.store == DType::kBF16) {
    unit += unit_roundoff(DType::kBF16);
  }
  if (a.weights_differ && point.tap != Tap::kExpertIds) unit += unit_roundoff(DType::kBF16);
  return unit;
}

TapBudget tap_budget(const ModelConfig& config, const TapPoint& point, const Arithmetic& arithmetic,
                     int64_t context_len, const Conditioning& conditioning) {
  const double unit = rounding_unit(config, point, arithmetic, context_len);
  if (arithmetic.act == DType::kBF16 && arithmetic.truth == DType::kBF16) {
    return same_roundings_budget(point.tap, unit);
  }
  return {.l2 = kL2 * unit * std::max(1.0, conditioning.all),
          .worst = kWorst * unit * std::max(1.0, conditioning.worst_token)};
}

std::vector<std::string> failed_checks(const TapError& error, const TapBudget& budget) {
  std::vector<std::string> failed;
  if (error.num_nonfinite > 0) failed.emplace_back("not finite");
  if (!(error.l2 <= budget.l2)) failed.emplace_back("l2");
  if (!(error.worst <= budget.worst)) failed.emplace_back("worst value");
  if (error.num_values >= kEnoughForEqual && error.equal_fraction < budget.min_equal) {
    failed.emplace_back("equal values");
  }
  return failed;
}

}  // namespace ernie::verify::model
