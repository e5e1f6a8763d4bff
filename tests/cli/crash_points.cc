// Puts itself before the C library's calls that change files, so that a test can stop the program
// at each of them:
//   ERNIE_CRASH_AT=k       the k-th call that changes a file, from 1
//   ERNIE_CRASH_MODE=kill  dies before it
//                    torn  dies in the middle of it, if it writes
//                    lost  dies before it, and what was not synced turns to zeros, as when the
//                          machine loses its power
//                    fail  the call fails once, as on a full disk
// Without ERNIE_CRASH_AT nothing happens.

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>

namespace {

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::map<int, off_t>& synced_bytes() {
  static std::map<int, off_t> bytes;
  return bytes;
}

off_t file_size(int fd) {
  const off_t at = ::lseek(fd, 0, SEEK_CUR);
  const off_t size = ::lseek(fd, 0, SEEK_END);
  ::lseek(fd, at, SEEK_SET);
  return size;
}

void lose_unsynced() {
  for (const auto& [fd, synced] : synced_bytes()) {
    const off_t size = file_size(fd);
    if (size <= synced) continue;
    ::syscall(SYS_ftruncate, fd, synced);
    ::syscall(SYS_ftruncate, fd, size);
  }
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

/// True if this call must fail; does not return if the program ends here.
bool is_struck(int fd = -1, std::string_view data = "") {
  static const long strike_at = std::atol(environment("ERNIE_CRASH_AT"));
  static long num_calls = 0;
  if (strike_at == 0 || ++num_calls != strike_at) return false;
  const std::string_view mode = environment("ERNIE_CRASH_MODE");
  if (mode == "fail") {
    errno = ENOSPC;
    return true;
  }
  if (mode == "torn" && data.size() > 1) ::syscall(SYS_write, fd, data.data(), data.size() / 2);
  if (mode == "lost") lose_unsynced();
  die();
}

int after_sync(int fd, long result) {
  if (result == 0 && synced_bytes().count(fd) > 0) synced_bytes()[fd] = file_size(fd);
  return static_cast<int>(result);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t num_bytes) {
  if (fd > STDERR_FILENO) {
    if (is_struck(fd, {static_cast<const char*>(data), num_bytes})) return -1;
    synced_bytes().try_emplace(fd, file_size(fd));
  }
  return ::syscall(SYS_write, fd, data, num_bytes);
}

int ftruncate(int fd, off_t num_bytes) noexcept {
  if (is_struck()) return -1;
  const auto result = ::syscall(SYS_ftruncate, fd, num_bytes);
  synced_bytes()[fd] = num_bytes;
  return static_cast<int>(result);
}

int fsync(int fd) {
  if (is_struck()) return -1;
  return after_sync(fd, ::syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  if (is_struck()) return -1;
  return after_sync(fd, ::syscall(SYS_fdatasync, fd));
}

int rename(const char* from, const char* to) noexcept {
  if (is_struck()) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* path) noexcept {
  if (is_struck()) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

}  // extern "C"
