#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/file.h"
#include "base/result.h"
#include "base/tensor.h"
#include "base/weight_format.h"

namespace ernie {

/// Where bytes lie in an open file.
struct FileOrigin {
  std::shared_ptr<const OpenFile> file;
  uint64_t offset = 0;
};

/// A weight as it is stored: rows of blocks in host memory, which may be a mapped file. Read-only,
/// with shared ownership; cutting it copies nothing. A vector is a matrix of one row.
///
/// A matrix that came from a file also knows its place there, and `read_rows` reads from the file:
/// nothing is mapped in for it, and a file that has shrunk is an error and not a signal.
class HostMatrix {
 public:
  HostMatrix() = default;
  /// Rows one behind another at `data`, which lives as long as `owner`. num_columns is a multiple
  /// of the format's block.
  HostMatrix(FormatId format, int64_t num_rows, int64_t num_columns, const std::byte* data,
             std::shared_ptr<const void> owner, std::optional<FileOrigin> origin = {});
  /// The same memory; F32, BF16 or F16 of one or two dimensions.
  HostMatrix(const HostTensor& tensor);  // NOLINT(google-explicit-constructor): the same thing

  const WeightFormat& format() const { return weight_format(format_); }
  int64_t num_rows() const { return num_rows_; }
  int64_t num_columns() const { return num_columns_; }
  int64_t num_elements() const { return num_rows_ * num_columns_; }
  /// "BF16 [64, 2560]"
  std::string describe() const;

  /// Bytes of a row, without the gap to the next one.
  size_t row_bytes() const { return format().row_bytes(num_columns_); }
  size_t num_bytes() const { return static_cast<size_t>(num_rows_) * row_bytes(); }
  const std::byte* row(int64_t i) const { return data_ + static_cast<size_t>(i) * stride_bytes_; }
  /// Whether rows follow one another without gaps.
  bool is_contiguous() const { return num_rows_ <= 1 || stride_bytes_ == row_bytes(); }
  /// All rows; contiguous matrices only.
  std::span<const std::byte> bytes() const;
  /// Whether read_rows() reads from a file.
  bool is_in_file() const { return origin_.has_value(); }
  /// Keeps the memory alive.
  const std::shared_ptr<const void>& owner() const { return owner_; }

  /// Rows [begin, end).
  HostMatrix rows(int64_t begin, int64_t end) const;
  /// Columns [begin, end) of every row. Error: a border inside a block.
  Result<HostMatrix> columns(int64_t begin, int64_t end) const;

  /// Rows [begin, end) without gaps into `target`, which has room for them: from the file where
  /// there is one, else from memory. Error: the file cannot be read.
  Result<void> read_rows(int64_t begin, int64_t end, std::byte* target) const;

  /// Dense formats only: row i converted, num_columns values; from memory.
  void convert_row(int64_t i, DType dtype, std::byte* target) const;
  /// Dense formats only: [num_rows, num_columns] in `dtype`; shares memory if it already is that.
  HostTensor to_tensor(DType dtype) const;

 private:
  FormatId format_ = FormatId::kF32;
  int64_t num_rows_ = 0, num_columns_ = 0;
  size_t stride_bytes_ = 0;  // from a row to the next, in memory and in the file
  const std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
  std::optional<FileOrigin> origin_;  // of the first row
};

}  // namespace ernie
