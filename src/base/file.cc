#include "base/file.h"
#include "base/atomic_file.h"

#include <sys/mman.h>

#include "base/file_handle.h"
#include "base/mapping_guard.h"
#include "base/system_error.h"

namespace ernie {

Result<ByteSource> ByteSource::map_file(const std::string& path) {
  ByteSource source;
  ERNIE_TRY(source.file_, OpenFile::open(path));
  source.name_ = path;
  const auto size = static_cast<size_t>(source.file_->num_bytes());
  if (size == 0) return source;
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, source.file_->descriptor(), 0);
  if (memory == MAP_FAILED) return system_error("map", path);
  source.bytes_ = {static_cast<const std::byte*>(memory), size};
  auto guard = std::make_shared<const GuardedMapping>(source.bytes_, path);
  source.owner_ = std::shared_ptr<const void>(
      memory, [size, guard](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return source;
}

ByteSource ByteSource::from_static(std::string name, std::span<const std::byte> bytes) {
  ByteSource source;
  source.name_ = std::move(name);
  source.bytes_ = bytes;
  return source;
}

Result<std::string> read_text_file(const std::string& path, uint64_t max_bytes) {
  ERNIE_TRY(const FileHandle file, FileHandle::open_regular(path));
  ERNIE_TRY(const uint64_t num_bytes, file.size());
  const auto too_large = [&] {
    return make_error(ErrorCode::kCorruptData, "{}: larger than expected: got more than {} bytes",
                      path, max_bytes);
  };
  if (num_bytes > max_bytes) return too_large();
  std::string contents;
  char buffer[1 << 16];
  while (true) {
    ERNIE_TRY(const size_t count, file.read_some(buffer));
    if (count == 0) return contents;
    contents.append(buffer, count);
    if (contents.size() > max_bytes) return too_large();  // it grows
  }
}

}  // namespace ernie
