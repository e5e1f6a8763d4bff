#pragma once

#include <cstdint>

namespace ernie {

/// Whether this program can count: a sanitizer brings an allocator of its own.
bool can_count_allocations();

/// Calls of malloc, calloc, realloc, aligned_alloc and their kin, and so of operator new, by every
/// thread since the program's start. Linking this file replaces these functions.
int64_t num_allocations();

}  // namespace ernie
