#include <algorithm>
#include <cmath>

#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {

void ReferenceBackend::do_embed(const Tensor& token_ids, const Operand& operand, int64_t first_row,
                                const Tensor& out) {
  const auto& table = static_cast<const Matrix&>(operand);
  for (int64_t t = 0; t < out.dim(0); ++t) {
    const int64_t row = token_ids.ptr<int32_t>()[t] - first_row;
    if (0 <= row && row < table.dim(0)) {
      table.read_row(row, room_.row);
    } else {
      room_.row.assign(static_cast<size_t>(table.dim(1)), 0.0);
    }
    write_row(out, t, room_.row);
  }
}

void ReferenceBackend::do_rms_norm(const Tensor& x, const Operand& operand, float eps,
                                   const Tensor& out) {
  const auto& weight = static_cast<const Vector&>(operand);
  const DType wide = arithmetic_of(out.dtype);
  for (int64_t t = 0; t < x.dim(0); ++t) {
    Row& row = read_row(x, t, room_.row);
    double sum_of_squares = 0;
    for (const double v : row) sum_of_squares += v * v;
    const double mean = sum_of_squares / static_cast<double>(row.size());
    const double scale = rounded(wide, 1.0 / std::sqrt(mean + static_cast<double>(eps)));
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = weight.values()[i] * rounded(out.dtype, rounded(wide, row[i] * scale));
    }
    write_row(out, t, row);
  }
}

void ReferenceBackend::do_silu_mul(const Tensor& gate_up, const Tensor& out) {
  const auto width = static_cast<size_t>(out.dim(1));
  for (int64_t t = 0; t < out.dim(0); ++t) {
    const Row& both = read_row(gate_up, t, room_.row);
    Row& row = room_.out;
    row.resize(width);
    for (size_t i = 0; i < width; ++i) {
      const double gate = both[i];
      row[i] = rounded(out.dtype, gate / (1.0 + std::exp(-gate))) * both[width + i];
    }
    write_row(out, t, row);
  }
}

void ReferenceBackend::do_add(const Tensor& x, const Tensor& y, const Tensor& out) {
  for (int64_t t = 0; t < out.dim(0); ++t) {
    Row& sum = read_row(x, t, room_.row);
    const Row& other = read_row(y, t, room_.other);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
    write_row(out, t, sum);
  }
}

void ReferenceBackend::do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) {
  for (int64_t i = 0; i < rows.dim(0); ++i) {
    write_row(out, i, read_row(x, rows.ptr<int32_t>()[i], room_.row));
  }
}

void ReferenceBackend::do_argmax(const Tensor& logits, const Tensor& ids) {
  for (int64_t i = 0; i < ids.dim(0); ++i) {
    const Row& row = read_row(logits, i, room_.row);
    const bool is_usable =
        std::ranges::none_of(row, [](double x) { return std::isnan(x) || x == INFINITY; });
    const auto largest = std::ranges::max_element(row);
    ids.ptr<int32_t>()[i] =
        is_usable && *largest > -INFINITY ? static_cast<int32_t>(largest - row.begin()) : -1;
  }
}

}  // namespace ernie::reference
