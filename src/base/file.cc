#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/system_error.h"

namespace ernie {
namespace {

/// Closes on scope exit; the descriptor is valid if >= 0.
struct FileDescriptor {
  int fd;
  explicit FileDescriptor(int descriptor) : fd(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<void> write_all(int fd, std::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> sync_directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const FileDescriptor file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd < 0 || ::fsync(file.fd) != 0) return system_error("sync", directory);
  return {};
}

}  // namespace

Result<ByteSource> ByteSource::map_file(const std::string& path) {
  ByteSource source;
  ERNIE_TRY(source.file_, OpenFile::open(path));
  source.name_ = path;
  const auto size = static_cast<size_t>(source.file_->num_bytes());
  if (size == 0) return source;
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, source.file_->descriptor(), 0);
  if (memory == MAP_FAILED) return system_error("map", path);
  source.bytes_ = {static_cast<const std::byte*>(memory), size};
  source.owner_ = std::shared_ptr<const void>(
      memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return source;
}

ByteSource ByteSource::from_static(std::string name, std::span<const std::byte> bytes) {
  ByteSource source;
  source.name_ = std::move(name);
  source.bytes_ = bytes;
  return source;
}

ByteSource ByteSource::from_string(std::string name, std::string bytes) {
  const auto owned = std::make_shared<const std::string>(std::move(bytes));
  ByteSource source;
  source.name_ = std::move(name);
  source.bytes_ = std::as_bytes(std::span(owned->data(), owned->size()));
  source.owner_ = owned;
  return source;
}

Result<std::string> read_text_file(const std::string& path, uint64_t max_bytes) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return system_error("open", path);
  std::string contents;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(file.fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path);
    if (count == 0) return contents;
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > max_bytes) {
      return make_error(ErrorCode::kCorruptData, "{}: larger than expected: got more than {} bytes",
                        path, max_bytes);
    }
  }
}

Result<void> write_file_atomically(const std::string& path, std::string_view contents) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  {
    const FileDescriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.fd < 0) return system_error("create", temporary);
    ERNIE_TRY_VOID(write_all(file.fd, contents, temporary));
    if (::fsync(file.fd) != 0) return system_error("sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return system_error("rename the finished file to", path);
  }
  return sync_directory_of(path);
}

}  // namespace ernie
