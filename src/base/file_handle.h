#pragma once

/// The system calls on open files that this program needs, with errors as values.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

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

  /// For reading. Error: anything but a regular file, at once: a pipe that nobody writes to is not
  /// waited for, and a device that has no end is not read.
  static Result<FileHandle> open_regular(const std::string& path);

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  Result<uint64_t> size() const;
  bool is_regular() const;
  /// What comes next of it, at most target.size() bytes; 0 at the end.
  Result<size_t> read_some(std::span<char> target) const;
  /// Fewer bytes than there is room for only at the end of the file. Safe for several threads.
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> target) const;
  /// The same as a text.
  Result<std::string> read_text_at(uint64_t offset, size_t num_bytes) const;
  /// All of it, in one system call where the system takes it so.
  Result<void> write_all(std::string_view bytes) const;
  Result<void> truncate(uint64_t num_bytes) const;
  /// Data and what is needed to read it back are on the disk.
  Result<void> sync_data() const;
  Result<void> sync() const;
  /// False if another process holds the lock.
  Result<bool> try_lock() const;
  /// Waits until nobody else holds the lock. On a file system without locks it does nothing.
  void lock() const;
  /// Whether the path still leads to this file.
  bool is_at_its_path() const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// "a directory", "a pipe", …: what st_mode says, for messages.
const char* file_kind(unsigned mode);

/// Makes a file's creation, renaming or removal durable.
Result<void> sync_directory_of(const std::string& path);
Result<void> rename_file(const std::string& from, const std::string& to);
/// An absent file is no error.
Result<void> remove_file(const std::string& path);

}  // namespace ernie
