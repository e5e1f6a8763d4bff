#include "base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/system_error.h"

namespace ernie {

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("open", path);
  std::shared_ptr<OpenFile> file(new OpenFile(path, descriptor));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return system_error("stat", path);
  if (!S_ISREG(status.st_mode)) return make_error(ErrorCode::kIo, "{}: not a regular file", path);
  file->num_bytes_ = static_cast<uint64_t>(status.st_size);
  return file;
}

OpenFile::~OpenFile() { ::close(descriptor_); }

Result<void> OpenFile::read_at(uint64_t offset, std::span<std::byte> target) const {
  while (!target.empty()) {
    const ssize_t count =
        ::pread(descriptor_, target.data(), target.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path_);
    if (count == 0) {
      return make_error(ErrorCode::kIo,
                        "{}: got its end at byte {}, expected {} more bytes: it has become shorter",
                        path_, offset, target.size());
    }
    offset += static_cast<uint64_t>(count);
    target = target.subspan(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace ernie
