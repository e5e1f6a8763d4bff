#include "base/host_matrix.h"

#include <cstring>

namespace ernie {

HostMatrix::HostMatrix(FormatId format, int64_t num_rows, int64_t num_columns,
                       const std::byte* data, std::shared_ptr<const void> owner,
                       std::optional<FileOrigin> origin)
    : format_(format),
      num_rows_(num_rows),
      num_columns_(num_columns),
      stride_bytes_(weight_format(format).row_bytes(num_columns)),
      data_(data),
      owner_(std::move(owner)),
      origin_(std::move(origin)) {
  ERNIE_CHECK(
      num_rows >= 0 && num_columns >= 0 && num_columns % weight_format(format).block_elements == 0,
      "{} [{}, {}]", weight_format(format).name, num_rows, num_columns);
}

HostMatrix::HostMatrix(const HostTensor& tensor)
    : HostMatrix(format_of(tensor.dtype()).value(), tensor.shape().rank() == 1 ? 1 : tensor.dim(0),
                 tensor.dim(tensor.shape().rank() - 1), tensor.data(),
                 std::make_shared<const HostTensor>(tensor)) {
  ERNIE_CHECK(tensor.shape().rank() <= 2, "{}", to_string(tensor.shape()));
}

std::string HostMatrix::describe() const {
  return fmt::format("{} [{}, {}]", format().name, num_rows_, num_columns_);
}

std::span<const std::byte> HostMatrix::bytes() const {
  ERNIE_CHECK(is_contiguous(), "{}, {} bytes from row to row", describe(), stride_bytes_);
  return {data_, num_bytes()};
}

HostMatrix HostMatrix::rows(int64_t begin, int64_t end) const {
  ERNIE_CHECK(0 <= begin && begin <= end && end <= num_rows_, "rows {} to {} of {}", begin, end,
              num_rows_);
  HostMatrix part = *this;
  part.num_rows_ = end - begin;
  part.data_ = row(begin);
  if (part.origin_) part.origin_->offset += static_cast<size_t>(begin) * stride_bytes_;
  return part;
}

Result<HostMatrix> HostMatrix::columns(int64_t begin, int64_t end) const {
  ERNIE_CHECK(0 <= begin && begin <= end && end <= num_columns_, "columns {} to {} of {}", begin,
              end, num_columns_);
  const int64_t block = format().block_elements;
  if (begin % block != 0 || end % block != 0) {
    return make_error(ErrorCode::kUnsupported,
                      "columns of a {} matrix: got {} to {}, expected multiples of {}",
                      format().name, begin, end, block);
  }
  HostMatrix part = *this;
  part.num_columns_ = end - begin;
  const size_t skipped = format().row_bytes(begin);
  part.data_ = data_ + skipped;
  if (part.origin_) part.origin_->offset += skipped;
  return part;
}

Result<void> HostMatrix::read_rows(int64_t begin, int64_t end, std::byte* target) const {
  ERNIE_CHECK(0 <= begin && begin <= end && end <= num_rows_, "rows {} to {} of {}", begin, end,
              num_rows_);
  // As few pieces as the gaps between rows allow.
  const int64_t rows_per_piece = is_contiguous() ? std::max<int64_t>(end - begin, 1) : 1;
  const size_t piece_bytes = static_cast<size_t>(rows_per_piece) * row_bytes();
  for (int64_t i = begin; i < end; i += rows_per_piece, target += piece_bytes) {
    if (!origin_) {
      std::memcpy(target, row(i), piece_bytes);
      continue;
    }
    const uint64_t offset = origin_->offset + static_cast<uint64_t>(i) * stride_bytes_;
    ERNIE_TRY_VOID(origin_->file->read_at(offset, {target, piece_bytes}));
  }
  return {};
}

void HostMatrix::convert_row(int64_t i, DType dtype, std::byte* target) const {
  const std::optional<DType> stored = dense_dtype(format_);
  ERNIE_CHECK(stored.has_value(), "{}", describe());
  if (*stored == dtype) {
    std::memcpy(target, row(i), row_bytes());
    return;
  }
  for (int64_t j = 0; j < num_columns_; ++j) {
    store_float(dtype, target, j, load_float(*stored, row(i), j));
  }
}

HostTensor HostMatrix::to_tensor(DType dtype) const {
  const Shape shape{num_rows_, num_columns_};
  if (dense_dtype(format_) == dtype && is_contiguous()) return {dtype, shape, data_, owner_};
  HostTensor tensor = HostTensor::allocate(dtype, shape);
  auto* target = const_cast<std::byte*>(tensor.data());
  const size_t bytes = static_cast<size_t>(num_columns_) * dtype_bytes(dtype);
  for (int64_t i = 0; i < num_rows_; ++i) {
    convert_row(i, dtype, target + static_cast<size_t>(i) * bytes);
  }
  return tensor;
}

}  // namespace ernie
