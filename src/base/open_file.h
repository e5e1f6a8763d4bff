#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace ernie {

/// A regular file that is open for reading; closed with the object. Safe for several threads.
class OpenFile {
 public:
  /// Error: it cannot be opened, or is not a regular file.
  static Result<std::shared_ptr<const OpenFile>> open(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  /// When it was opened.
  uint64_t num_bytes() const { return num_bytes_; }

  /// Fills `target` from `offset` on. Error: the file ends before, or cannot be read.
  Result<void> read_at(uint64_t offset, std::span<std::byte> target) const;

 private:
  OpenFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
  uint64_t num_bytes_ = 0;
};

}  // namespace ernie
