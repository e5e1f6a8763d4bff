#include "verify/ops/row_case.h"

#include <cmath>

namespace ernie::verify::ops {

RowCase::RowCase(Rig& rig, const RowOperation& operation, std::vector<double> x)
    : rig_(rig),
      operation_(operation),
      num_rows_(static_cast<int64_t>(x.size()) / operation.in_columns),
      x_(std::move(x)),
      y_(run(Role::kDevice, rig.device(), x_)) {}

std::vector<double> RowCase::run(Role role, Backend& backend, std::span<const double> x) const {
  const int64_t rows = static_cast<int64_t>(x.size()) / operation_.in_columns;
  const Array in = upload(backend, x, {rows, operation_.in_columns}, operation_.act);
  const Array out = poisoned(backend, {rows, operation_.out_columns}, operation_.out);
  operation_.apply(role, backend, in.tensor, out.tensor);
  return download(backend, out.tensor);
}

std::vector<double> RowCase::oracle_rows(std::span<const int64_t> rows, int64_t columns) const {
  const auto count = static_cast<int64_t>(rows.size());
  const Array in = upload(rig_.oracle(), rows_of(x_, operation_.in_columns, rows),
                          {count, operation_.in_columns}, DType::kF64);
  const Array out = poisoned(rig_.oracle(), {count, columns}, DType::kF64);
  operation_.apply(Role::kOracle, rig_.oracle(), in.tensor, out.tensor);
  return download(rig_.oracle(), out.tensor);
}

void RowCase::check_bits(int64_t row, bool with_twin, std::vector<std::string>& failures) const {
  if (!same_bits(run(Role::kDevice, rig_.device(), x_row(row)), y_row(row))) {
    failures.emplace_back("batch invariance");
  }
  if (with_twin && !same_bits(run(Role::kTwin, rig_.twin(), x_), y_)) {
    failures.emplace_back("threads");
  }
}

ErrorSummary compare_rows(const RowCase& rows, const RowOperation& operation,
                          std::span<const int64_t> sampled, const RowBudget& budget) {
  const int64_t columns = operation.out_columns;
  const std::vector<double> want = rows.oracle_rows(sampled, columns);
  ErrorMeter meter(operation.out);
  for (size_t r = 0; r < sampled.size(); ++r) {
    const std::span<const double> got = rows.y_row(sampled[r]);
    for (size_t c = 0; c < got.size(); ++c) {
      const double truth = want[r * got.size() + c];
      meter.add(sampled[r] * columns + static_cast<int64_t>(c), got[c], truth,
                budget(sampled[r], c, truth));
    }
  }
  return meter.summary();
}

void check_rounding_points(const RowCase& rows, std::span<const int64_t> sampled,
                           const StoredValue& stored, std::vector<std::string>& failures) {
  int64_t num_finite = 0, num_different = 0;
  for (const int64_t row : sampled) {
    const std::span<const double> got = rows.y_row(row);
    for (size_t c = 0; c < got.size(); ++c) {
      const double want = stored(row, c);
      if (!std::isfinite(want)) continue;
      ++num_finite;
      num_different += got[c] != want ? 1 : 0;
    }
  }
  if (num_finite >= kMinElementsForRms && num_different * 50 > num_finite) {
    failures.emplace_back("rounding points");
  }
}

}  // namespace ernie::verify::ops
