#include <cmath>

#include "backend/reference/operations.h"

namespace ernie::reference {

void embed(const Tensor& token_ids, const Matrix& table, const Tensor& out) {
  for (int64_t t = 0; t < out.dim(0); ++t)
    write_row(out, t, table.row(token_ids.ptr<int32_t>()[t]));
}

void rms_norm(const Tensor& x, const Vector& weight, float eps, const Tensor& out) {
  for (int64_t t = 0; t < x.dim(0); ++t) {
    std::vector<float> row = read_row(x, t);
    double sum_of_squares = 0;
    for (const float v : row) sum_of_squares += static_cast<double>(v) * static_cast<double>(v);
    const double mean = sum_of_squares / static_cast<double>(row.size());
    const auto scale = static_cast<float>(1.0 / std::sqrt(mean + static_cast<double>(eps)));
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = weight.values()[i] * rounded(out.dtype, static_cast<double>(row[i] * scale));
    }
    write_row(out, t, row);
  }
}

void silu_mul(const Tensor& gate_up, const Tensor& out) {
  const auto width = static_cast<size_t>(out.dim(1));
  for (int64_t t = 0; t < out.dim(0); ++t) {
    const std::vector<float> both = read_row(gate_up, t);
    std::vector<float> row(width);
    for (size_t i = 0; i < width; ++i) {
      const double gate = both[i];
      row[i] = rounded(out.dtype, gate / (1.0 + std::exp(-gate))) * both[width + i];
    }
    write_row(out, t, row);
  }
}

void add(const Tensor& x, const Tensor& y, const Tensor& out) {
  for (int64_t i = 0; i < out.shape.num_elements(); ++i) {
    store_float(out.dtype, out.data, i,
                load_float(x.dtype, x.data, i) + load_float(y.dtype, y.data, i));
  }
}

void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) {
  for (int64_t i = 0; i < rows.dim(0); ++i) write_row(out, i, read_row(x, rows.ptr<int32_t>()[i]));
}

}  // namespace ernie::reference
