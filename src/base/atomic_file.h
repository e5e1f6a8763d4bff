#pragma once

#include <string>
#include <string_view>

#include "base/file_handle.h"

namespace ernie {

/// A file that takes a path's place when it is whole. Until then it is PATH.tmp: a crash leaves at
/// PATH what was there before, and the next one written there takes over what it left beside it.
/// Who writes to the same path meanwhile, in whatever process, waits. One thread.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  /// Removes what was written unless `commit` succeeded.
  ~AtomicFile();

  /// To write to. Empty at first.
  const FileHandle& handle() const { return file_; }
  /// Syncs, renames, and syncs the directory. The last call.
  Result<void> commit();

 private:
  AtomicFile(FileHandle file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  FileHandle file_;  // not open when it was moved away or is in its place
  std::string path_;
};

/// Leaves at `path` what was there before or all of `contents`, whenever it is stopped.
Result<void> write_file_atomically(const std::string& path, std::string_view contents);

}  // namespace ernie
