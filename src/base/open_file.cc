#include "base/open_file.h"

namespace ernie {

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::string& path) {
  ERNIE_TRY(FileHandle file, FileHandle::open_regular(path));
  ERNIE_TRY(const uint64_t num_bytes, file.size());
  return std::shared_ptr<const OpenFile>(new OpenFile(std::move(file), num_bytes));
}

Result<void> OpenFile::read_at(uint64_t offset, std::span<std::byte> target) const {
  ERNIE_TRY(const size_t count, file_.read_at(offset, target));
  if (count == target.size()) return {};
  return make_error(ErrorCode::kIo,
                    "{}: got its end at byte {}, expected {} more bytes: it has become shorter",
                    path(), offset + count, target.size() - count);
}

}  // namespace ernie
