#pragma once

/// Writing a safetensors file of any size: names, shapes and types first, then the bytes as they
/// become available.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "checkpoint/safetensors_header.h"

namespace ernie {

struct SafetensorsPlan {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

/// Writes an AtomicFile, so `path` never holds half a file, and what was written is removed unless
/// `finish` succeeded. Not thread-safe.
class SafetensorsWriter {
 public:
  /// Writes the header. Tensors of wider types come first, so that each begins at a multiple of its
  /// element size; within a type the given order stays. Names must be distinct.
  static Result<SafetensorsWriter> create(const std::string& path,
                                          std::vector<SafetensorsPlan> tensors,
                                          const std::map<std::string, std::string>& metadata);

  /// The order in which the bytes are due.
  std::span<const SafetensorsPlan> tensors() const { return tensors_; }
  /// Of the finished file.
  uint64_t file_bytes() const { return file_bytes_; }

  /// The next bytes of the data; a tensor may come in several pieces.
  Result<void> append(std::span<const std::byte> bytes);
  /// Zeros for everything that is left, as a hole that takes no room on the disk.
  void append_hole();
  /// Everything must have been appended. Syncs and renames.
  Result<void> finish();

 private:
  explicit SafetensorsWriter(AtomicFile file) : file_(std::move(file)) {}

  AtomicFile file_;
  std::vector<SafetensorsPlan> tensors_;
  uint64_t num_written_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace ernie
