#include "allocation/allocation_counter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<int64_t> g_num_allocations{0};

}  // namespace

namespace ernie {

int64_t num_allocations() { return g_num_allocations.load(); }

}  // namespace ernie

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

bool ernie::can_count_allocations() { return false; }

#else

bool ernie::can_count_allocations() { return true; }

// The C library's own, under the names that it keeps for programs that replace these functions.
extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++g_num_allocations;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  ++g_num_allocations;
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  ++g_num_allocations;
  return __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) {
  ++g_num_allocations;
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** memory, size_t alignment, size_t size) {
  void* const found = memalign(alignment, size);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}

}  // extern "C"

#endif
