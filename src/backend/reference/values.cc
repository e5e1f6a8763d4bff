#include "backend/reference/values.h"

#include <algorithm>

namespace ernie::reference {
namespace {

int64_t count_rows(const std::vector<HostMatrix>& blocks) {
  int64_t rows = 0;
  for (const HostMatrix& block : blocks) rows += block.num_rows();
  return rows;
}

/// Eight sums, because one alone waits for each addition; in double the order does not matter.
template <typename T>
double dot_in_double(const std::byte* row, const Row& x) {
  const auto* w = reinterpret_cast<const T*>(row);
  constexpr size_t kSums = 8;
  double sums[kSums] = {};
  size_t k = 0;
  for (; k + kSums <= x.size(); k += kSums) {
    for (size_t i = 0; i < kSums; ++i)
      sums[i] += static_cast<double>(to_float(w[k + i])) * x[k + i];
  }
  double sum = 0;
  for (; k < x.size(); ++k) sum += static_cast<double>(to_float(w[k])) * x[k];
  for (const double s : sums) sum += s;
  return sum;
}

}  // namespace

Row& read_row(const Tensor& tensor, int64_t i, Row& row) {
  const int64_t n = tensor.row_elements();
  row.resize(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) {
    row[static_cast<size_t>(j)] =
        tensor.dtype == DType::kF64
            ? tensor.ptr<double>()[i * n + j]
            : static_cast<double>(load_float(tensor.dtype, tensor.data, i * n + j));
  }
  return row;
}

void write_row(const Tensor& tensor, int64_t i, std::span<const double> values) {
  const int64_t n = tensor.row_elements();
  ERNIE_CHECK(n == static_cast<int64_t>(values.size()), "{} for {}", values.size(), n);
  if (tensor.dtype == DType::kF64) {
    std::copy(values.begin(), values.end(), tensor.ptr<double>() + i * n);
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    store_float(tensor.dtype, tensor.data, i * n + j,
                static_cast<float>(values[static_cast<size_t>(j)]));
  }
}

double rounded(DType dtype, double x) {
  if (dtype == DType::kF64) return x;
  const auto narrow = static_cast<float>(x);
  return static_cast<double>(dtype == DType::kBF16 ? to_float(to_bf16(narrow)) : narrow);
}

Matrix::Matrix(std::vector<HostMatrix> row_blocks)
    : Operand({count_rows(row_blocks), row_blocks.front().num_columns()}),
      blocks_(std::move(row_blocks)) {}

Matrix::Place Matrix::find(int64_t i) const {
  ERNIE_CHECK(0 <= i && i < dim(0), "row {} of {}", i, dim(0));
  size_t b = 0;
  while (i >= blocks_[b].num_rows()) i -= blocks_[b++].num_rows();
  return {&blocks_[b], i};
}

void Matrix::read_row(int64_t i, Row& row) const {
  const Place place = find(i);
  const DType dtype = dense_dtype(place.block->format().id).value();
  row.resize(static_cast<size_t>(dim(1)));
  for (int64_t j = 0; j < dim(1); ++j) {
    row[static_cast<size_t>(j)] =
        static_cast<double>(load_float(dtype, place.block->row(place.row), j));
  }
}

double Matrix::dot(int64_t i, const Row& x) const {
  const Place place = find(i);
  const std::byte* row = place.block->row(place.row);
  switch (dense_dtype(place.block->format().id).value()) {
    case DType::kF32:
      return dot_in_double<float>(row, x);
    case DType::kBF16:
      return dot_in_double<bf16>(row, x);
    default:
      return dot_in_double<f16>(row, x);
  }
}

Vector::Vector(const HostMatrix& values) : Operand({values.num_columns()}) {
  const DType dtype = dense_dtype(values.format().id).value();
  for (int64_t i = 0; i < dim(0); ++i) {
    values_.push_back(static_cast<double>(load_float(dtype, values.row(0), i)));
  }
}

Experts::Experts(const Shape& shape, std::span<const ExpertMatrices> experts) : Operand(shape) {
  for (const ExpertMatrices& e : experts) {
    experts_.push_back(std::unique_ptr<const Expert>(
        new Expert{Matrix({e.gate}), Matrix({e.up}), Matrix({e.down})}));
  }
}

ReferenceKvCache::ReferenceKvCache(const KvCacheShape& shape, DType dtype)
    : KvCache(shape),
      keys_(HostTensor::allocate(dtype, {shape.num_layers, shape.num_blocks * shape.block_size,
                                         shape.num_kv_heads, shape.head_dim})),
      values_(HostTensor::allocate(dtype, keys_.shape())) {}

Tensor ReferenceKvCache::view(const HostTensor& all, int64_t layer, int64_t slot,
                              int64_t kv_head) const {
  const Shape& s = all.shape();
  ERNIE_CHECK(0 <= slot && slot < s[1], "slot {} of {}", slot, s[1]);
  const int64_t index = ((layer * s[1] + slot) * s[2] + kv_head) * s[3];
  auto* data =
      const_cast<std::byte*>(all.data()) + static_cast<size_t>(index) * dtype_bytes(all.dtype());
  return {data, all.dtype(), {1, s[3]}};
}

}  // namespace ernie::reference
