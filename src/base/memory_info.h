#pragma once

#include <cstdint>

namespace ernie {

/// Bytes that this process can still allocate without swapping: the smaller of what the kernel
/// calls available and what the memory control group leaves. Zero if the system does not tell.
uint64_t available_memory_bytes();

}  // namespace ernie
