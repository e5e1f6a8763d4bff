#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/file_handle.h"

namespace ernie {

/// A regular file that is open for reading; closed with the object. Safe for several threads.
class OpenFile {
 public:
  /// Error: it cannot be opened, or is not a regular file.
  static Result<std::shared_ptr<const OpenFile>> open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  int descriptor() const { return file_.fd(); }
  /// When it was opened.
  uint64_t num_bytes() const { return num_bytes_; }

  /// Fills `target` from `offset` on. Error: the file ends before, or cannot be read.
  Result<void> read_at(uint64_t offset, std::span<std::byte> target) const;

 private:
  OpenFile(FileHandle file, uint64_t num_bytes) : file_(std::move(file)), num_bytes_(num_bytes) {}

  FileHandle file_;
  uint64_t num_bytes_;
};

}  // namespace ernie
