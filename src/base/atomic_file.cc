#include "base/atomic_file.h"

#include <fcntl.h>

namespace ernie {

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  while (true) {
    // Emptied only under the lock: until then it may be another writer's. Never what a link leads
    // to, and no pipe that nobody reads.
    ERNIE_TRY(FileHandle file,
              FileHandle::open(path + ".tmp", O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK));
    if (!file.is_regular()) {
      return make_error(ErrorCode::kIo, "{}: got something else, expected a file or nothing",
                        file.path());
    }
    file.lock();
    if (!file.is_at_its_path()) continue;  // that writer has finished
    ERNIE_TRY_VOID(file.truncate(0));
    return AtomicFile(std::move(file), path);
  }
}

AtomicFile::~AtomicFile() {
  // What cannot be removed is as a crash would leave it.
  if (file_.is_open()) (void)remove_file(file_.path());
}

Result<void> AtomicFile::commit() {
  ERNIE_TRY_VOID(file_.sync());
  ERNIE_TRY_VOID(rename_file(file_.path(), path_));
  file_ = FileHandle();
  return sync_directory_of(path_);
}

Result<void> write_file_atomically(const std::string& path, std::string_view contents) {
  ERNIE_TRY(AtomicFile file, AtomicFile::create(path));
  ERNIE_TRY_VOID(file.handle().write_all(contents));
  return file.commit();
}

}  // namespace ernie
