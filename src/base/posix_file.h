#pragma once

/// The few system calls that durable output needs, with errors as values.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/system_error.h"

namespace ernie {

/// An open file, closed on destruction.
class FileHandle {
 public:
  FileHandle() = default;
  FileHandle(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle();

  /// `flags` and `mode` as of open(2); O_CLOEXEC is added.
  static Result<FileHandle> open(const std::string& path, int flags, unsigned mode = 0644);

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  Result<uint64_t> size() const;
  /// All of it, in one system call where the system takes it so.
  Result<void> write_all(std::string_view bytes) const;
  /// Fewer bytes than asked only at the end of the file.
  Result<std::string> read_at(uint64_t offset, size_t num_bytes) const;
  Result<void> truncate(uint64_t num_bytes) const;
  /// Data and what is needed to read it back are on the disk.
  Result<void> sync_data() const;
  Result<void> sync() const;
  /// False if another process holds the lock.
  Result<bool> try_lock() const;
  /// Whether the path still leads to this file.
  bool is_at_its_path() const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// Makes a file's creation, renaming or removal durable.
Result<void> sync_directory_of(const std::string& path);
Result<void> rename_file(const std::string& from, const std::string& to);
/// Leaves at `path` what was there before or all of `contents`, whenever it is stopped. Begun again
/// after that it leaves nothing beside it.
Result<void> replace_file(const std::string& path, std::string_view contents);
/// An absent file is no error.
Result<void> remove_file(const std::string& path);

}  // namespace ernie
