// Makes one call of a program fail: preloaded, it stands before the C library's functions that a
// short job depends on. A call is named by its function and by the stack that leads to it, so that
// the same one is met again in the next run; addresses must not be random (setarch -R).
//
//   ERNIE_CALLS=FILE           appends a line "FUNCTION HASH" for each call not seen before
//   ERNIE_FAIL="FUNCTION HASH" the first call of this name fails, as if memory or the disk were full
//
// torture.py drives it.

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kDepth = 24;

int g_log = -1;
char g_function[32];
uint64_t g_hash = 0;
std::atomic<bool> g_has_failed = false, g_is_ready = false;
std::array<std::atomic<uint64_t>, 1 << 17> g_seen;
thread_local bool t_is_inside = false;

/// The function that stands behind one of these.
template <class Function>
Function* behind(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

uint64_t stack_hash() {
  std::array<void*, kDepth> frames{};
  const int count = ::backtrace(frames.data(), kDepth);
  uint64_t hash = 0xCBF29CE484222325;
  for (int i = 0; i < count; ++i) {
    hash = (hash ^ reinterpret_cast<uintptr_t>(frames[static_cast<size_t>(i)])) * 0x100000001B3;
  }
  return hash | 1;
}

bool is_new(uint64_t hash) {
  for (size_t i = hash % g_seen.size(), tries = 0; tries < g_seen.size(); ++tries) {
    uint64_t empty = 0;
    if (g_seen[i].compare_exchange_strong(empty, hash)) return true;
    if (empty == hash) return false;
    i = (i + 1) % g_seen.size();
  }
  return false;
}

void log_call(const char* function, uint64_t hash) {
  uint64_t with_name = hash;
  for (const char* c = function; *c != 0; ++c) with_name = with_name * 31 + uint64_t(*c);
  if (!is_new(with_name | 1)) return;
  char line[64];
  const int size = std::snprintf(line, sizeof line, "%s %016lx\n", function, hash);
  static const auto kWrite = behind<ssize_t(int, const void*, size_t)>("write");
  if (kWrite(g_log, line, static_cast<size_t>(size)) != size) std::abort();
}

/// Whether this call is to fail; sets errno if so.
bool must_fail(const char* function, int error) {
  if (!g_is_ready || t_is_inside) return false;
  if (g_log < 0 && (g_has_failed || std::strcmp(function, g_function) != 0)) return false;
  t_is_inside = true;
  const uint64_t hash = stack_hash();
  const bool fails = g_log < 0 && hash == g_hash && !g_has_failed.exchange(true);
  if (g_log >= 0) log_call(function, hash);
  t_is_inside = false;
  if (fails) errno = error;
  return fails;
}

__attribute__((constructor)) void start() {
  std::array<void*, 2> frames{};
  ::backtrace(frames.data(), 2);  // allocates, the first time
  const char *log = std::getenv("ERNIE_CALLS"), *fail = std::getenv("ERNIE_FAIL");
  if (log != nullptr) g_log = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  unsigned long hash = 0;
  if (fail != nullptr && std::sscanf(fail, "%31s %lx", g_function, &hash) == 2) g_hash = hash;
  g_is_ready = log != nullptr || fail != nullptr;
}

}  // namespace

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) noexcept {
  return must_fail("malloc", ENOMEM) ? nullptr : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) noexcept {
  return must_fail("malloc", ENOMEM) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) noexcept {
  return must_fail("malloc", ENOMEM) ? nullptr : __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return must_fail("malloc", ENOMEM) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  if (must_fail("malloc", ENOMEM)) return ENOMEM;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  static const auto kMap = behind<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (must_fail("mmap", ENOMEM)) return MAP_FAILED;
  return kMap(at, size, protection, flags, fd, offset);
}
int open(const char* path, int flags, ...) {
  static const auto kOpen = behind<int(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return must_fail("open", EMFILE) ? -1 : kOpen(path, flags, mode);
}
ssize_t read(int fd, void* target, size_t size) {
  static const auto kRead = behind<ssize_t(int, void*, size_t)>("read");
  return must_fail("read", EIO) ? -1 : kRead(fd, target, size);
}
ssize_t pread(int fd, void* target, size_t size, off_t offset) {
  static const auto kRead = behind<ssize_t(int, void*, size_t, off_t)>("pread");
  return must_fail("read", EIO) ? -1 : kRead(fd, target, size, offset);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto kWrite = behind<ssize_t(int, const void*, size_t)>("write");
  // What is said of a failure is not itself made to fail.
  const bool fails = fd != STDERR_FILENO && must_fail("write", ENOSPC);
  return fails ? -1 : kWrite(fd, bytes, size);
}
int ftruncate(int fd, off_t size) noexcept {
  static const auto kTruncate = behind<int(int, off_t)>("ftruncate");
  return must_fail("truncate", EIO) ? -1 : kTruncate(fd, size);
}
int rename(const char* from, const char* to) noexcept {
  static const auto kRename = behind<int(const char*, const char*)>("rename");
  return must_fail("rename", EIO) ? -1 : kRename(from, to);
}
int unlink(const char* path) noexcept {
  static const auto kUnlink = behind<int(const char*)>("unlink");
  return must_fail("unlink", EIO) ? -1 : kUnlink(path);
}
int fsync(int fd) {
  static const auto kSync = behind<int(int)>("fsync");
  return must_fail("sync", EIO) ? -1 : kSync(fd);
}
int fdatasync(int fd) {
  static const auto kSync = behind<int(int)>("fdatasync");
  return must_fail("sync", EIO) ? -1 : kSync(fd);
}

}  // extern "C"
