#include "base/file_handle.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/system_error.h"

namespace ernie {

FileHandle::FileHandle(FileHandle&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

Result<FileHandle> FileHandle::open(const std::string& path, int flags, unsigned mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  // A signal ends the waiting for the other end of a pipe.
  if (fd < 0 && errno == EINTR) return Error{ErrorCode::kCancelled, "interrupted"};
  if (fd < 0) return system_error("open", path);
  return FileHandle(fd, path);
}

Result<FileHandle> FileHandle::open_regular(const std::string& path) {
  ERNIE_TRY(FileHandle file, open(path, O_RDONLY | O_NONBLOCK));
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return system_error("stat", path);
  if (S_ISREG(status.st_mode)) return file;
  return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected a regular file", path,
                    file_kind(status.st_mode));
}

Result<uint64_t> FileHandle::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return system_error("stat", path_);
  return static_cast<uint64_t>(status.st_size);
}

bool FileHandle::is_regular() const {
  struct stat status {};
  return ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
}

Result<size_t> FileHandle::read_some(std::span<char> target) const {
  while (true) {
    const ssize_t count = ::read(fd_, target.data(), target.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return system_error("read", path_);
  }
}

Result<size_t> FileHandle::read_at(uint64_t offset, std::span<std::byte> target) const {
  size_t done = 0;
  while (done < target.size()) {
    const ssize_t count =
        ::pread(fd_, target.data() + done, target.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path_);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

Result<std::string> FileHandle::read_text_at(uint64_t offset, size_t num_bytes) const {
  std::string text(num_bytes, '\0');
  ERNIE_TRY(const size_t count, read_at(offset, std::as_writable_bytes(std::span(text))));
  text.resize(count);
  return text;
}

Result<void> FileHandle::write_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> FileHandle::truncate(uint64_t num_bytes) const {
  if (::ftruncate(fd_, static_cast<off_t>(num_bytes)) != 0) return system_error("truncate", path_);
  return {};
}

Result<void> FileHandle::sync_data() const {
  if (::fdatasync(fd_) != 0) return system_error("sync", path_);
  return {};
}

Result<void> FileHandle::sync() const {
  if (::fsync(fd_) != 0) return system_error("sync", path_);
  return {};
}

Result<bool> FileHandle::try_lock() const {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return system_error("lock", path_);
}

void FileHandle::lock() const {
  while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

bool FileHandle::is_at_its_path() const {
  struct stat mine {
  }, there{};
  return ::fstat(fd_, &mine) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

const char* file_kind(unsigned mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

Result<void> sync_directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  ERNIE_TRY(const FileHandle handle, FileHandle::open(directory, O_RDONLY | O_DIRECTORY));
  return handle.sync();
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename to " + to, from);
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path);
  return {};
}

}  // namespace ernie
