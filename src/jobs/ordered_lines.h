#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/file_handle.h"

namespace ernie {

/// Lines in order to a file, though they come in any order. Those behind one that has not come wait
/// in memory.
class OrderedLines {
 public:
  explicit OrderedLines(FileHandle file) : file_(std::move(file)) {}

  int64_t num_written() const { return next_; }

  /// `line` without its newline.
  Result<void> put(int64_t row, std::string line);
  /// Writes what waits behind rows that will not come.
  Result<void> flush();

 private:
  Result<void> write_first();

  FileHandle file_;
  int64_t next_ = 0;
  std::map<int64_t, std::string> waiting_;
};

/// Standard output as a file of its own, which closing does not close.
FileHandle standard_output();

}  // namespace ernie
