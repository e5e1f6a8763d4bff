#include "verify/ops/row_case.h"

#include <cmath>

namespace ernie::verify::ops {

Result<RowCase> RowCase::run(Rig& rig, const RowOperation& operation, std::vector<double> x) {
  RowCase rows(rig, operation, std::move(x));
  ERNIE_TRY(rows.y_, rows.run(Role::kDevice, rig.device(), rows.x_));
  return rows;
}

Result<std::vector<double>> RowCase::run(Role role, Backend& backend,
                                         std::span<const double> x) const {
  const int64_t rows = static_cast<int64_t>(x.size()) / operation_.in_columns;
  ERNIE_TRY(const Array in, upload(backend, x, {rows, operation_.in_columns}, operation_.act));
  ERNIE_TRY(const Array out, poisoned(backend, {rows, operation_.out_columns}, operation_.out));
  operation_.apply(role, backend, in.tensor, out.tensor);
  return download(backend, out.tensor);
}

Result<std::vector<double>> RowCase::oracle_rows(std::span<const int64_t> rows,
                                                 int64_t columns) const {
  const auto count = static_cast<int64_t>(rows.size());
  ERNIE_TRY(const Array in, upload(rig_.oracle(), rows_of(x_, operation_.in_columns, rows),
                                   {count, operation_.in_columns}, DType::kF64));
  ERNIE_TRY(const Array out, poisoned(rig_.oracle(), {count, columns}, DType::kF64));
  operation_.apply(Role::kOracle, rig_.oracle(), in.tensor, out.tensor);
  return download(rig_.oracle(), out.tensor);
}

Result<void> RowCase::check_bits(int64_t row, bool with_twin,
                                 std::vector<std::string>& failures) const {
  ERNIE_TRY(const std::vector<double> alone, run(Role::kDevice, rig_.device(), x_row(row)));
  if (!same_bits(alone, y_row(row))) failures.emplace_back("batch invariance");
  if (!with_twin) return {};
  ERNIE_TRY(const std::vector<double> twin, run(Role::kTwin, rig_.twin(), x_));
  if (!same_bits(twin, y_)) failures.emplace_back("threads");
  return {};
}

Result<ErrorSummary> compare_rows(const RowCase& rows, const RowOperation& operation,
                                  std::span<const int64_t> sampled, const RowBudget& budget) {
  const int64_t columns = operation.out_columns;
  ERNIE_TRY(const std::vector<double> want, rows.oracle_rows(sampled, columns));
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
