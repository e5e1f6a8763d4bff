#pragma once

/// Operations that map each row of a matrix to a row of another: what all of them are checked for.

#include <functional>

#include "verify/ops/rig.h"

namespace ernie::verify::ops {

/// out[t] = f(x[t]) with operands of the caller's for each role.
struct RowOperation {
  int64_t in_columns = 0;
  int64_t out_columns = 0;
  DType act = DType::kF32;  ///< of x on the device
  DType out = DType::kF32;  ///< of the result on the device
  std::function<void(Role, Backend&, const Tensor& x, const Tensor& out)> apply;
};

/// One input and its result on the device.
class RowCase {
 public:
  /// x [rows, in_columns], numbers of the type `act`. Rig and operation must outlive the case. This
  /// and all below that return a Result fail where the device is lost or has no memory.
  static Result<RowCase> run(Rig& rig, const RowOperation& operation, std::vector<double> x);

  int64_t num_rows() const { return num_rows_; }
  const std::vector<double>& x() const { return x_; }
  const std::vector<double>& y() const { return y_; }
  std::span<const double> x_row(int64_t row) const {
    return row_of(x_, operation_.in_columns, row);
  }
  std::span<const double> y_row(int64_t row) const {
    return row_of(y_, operation_.out_columns, row);
  }

  /// The oracle's results for some rows, with as many columns as its operation gives.
  Result<std::vector<double>> oracle_rows(std::span<const int64_t> rows, int64_t columns) const;

  /// Adds "batch invariance" if `row` alone gives other bits than in company, and with_twin
  /// "threads" if the twin does.
  Result<void> check_bits(int64_t row, bool with_twin, std::vector<std::string>& failures) const;

 private:
  static std::span<const double> row_of(const std::vector<double>& all, int64_t columns,
                                        int64_t row) {
    return std::span(all).subspan(static_cast<size_t>(row * columns), static_cast<size_t>(columns));
  }
  RowCase(Rig& rig, const RowOperation& operation, std::vector<double> x)
      : rig_(rig),
        operation_(operation),
        num_rows_(static_cast<int64_t>(x.size()) / operation.in_columns),
        x_(std::move(x)) {}
  Result<std::vector<double>> run(Role role, Backend& backend, std::span<const double> x) const;

  Rig& rig_;
  const RowOperation& operation_;
  int64_t num_rows_;
  std::vector<double> x_, y_;
};

/// Compares the sampled rows of a case with the oracle, whose operation has all columns.
/// budget(row, column, want).
using RowBudget = std::function<double(int64_t row, size_t column, double want)>;
Result<ErrorSummary> compare_rows(const RowCase& rows, const RowOperation& operation,
                                  std::span<const int64_t> sampled, const RowBudget& budget);

/// Where the contract says at which points a device with bfloat16 activations rounds: adds
/// "rounding points" if more than 2 % of the sampled elements differ from `stored(row, column)`.
/// Two roundings in another order stay inside any budget.
using StoredValue = std::function<double(int64_t row, size_t column)>;
void check_rounding_points(const RowCase& rows, std::span<const int64_t> sampled,
                           const StoredValue& stored, std::vector<std::string>& failures);

}  // namespace ernie::verify::ops
