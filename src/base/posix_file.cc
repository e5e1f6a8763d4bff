#include "base/posix_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

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
  if (fd < 0) return system_error("open", path);
  return FileHandle(fd, path);
}

Result<uint64_t> FileHandle::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return system_error("stat", path_);
  return static_cast<uint64_t>(status.st_size);
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

Result<std::string> FileHandle::read_at(uint64_t offset, size_t num_bytes) const {
  std::string bytes(num_bytes, '\0');
  size_t done = 0;
  while (done < num_bytes) {
    const ssize_t count =
        ::pread(fd_, bytes.data() + done, num_bytes - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path_);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
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

bool FileHandle::is_at_its_path() const {
  struct stat mine {
  }, there{};
  return ::fstat(fd_, &mine) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
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

Result<void> replace_file(const std::string& path, std::string_view contents) {
  const std::string temporary = path + ".tmp";
  ERNIE_TRY(const FileHandle file, FileHandle::open(temporary, O_WRONLY | O_CREAT | O_TRUNC));
  ERNIE_TRY_VOID(file.write_all(contents));
  ERNIE_TRY_VOID(file.sync());
  ERNIE_TRY_VOID(rename_file(temporary, path));
  return sync_directory_of(path);
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path);
  return {};
}

}  // namespace ernie
