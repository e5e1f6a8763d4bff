#include "backend/cpu/cpu_operands.h"

#include <sys/mman.h>

#include <cstring>

namespace ernie::cpu {

Result<std::shared_ptr<void>> allocate_pages(size_t num_bytes) {
  const size_t size = std::max<size_t>(num_bytes, 1);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return make_error(ErrorCode::kOutOfMemory, "cpu: cannot allocate {} bytes", num_bytes);
  }
  constexpr size_t kHugePageBytes = 2 << 20;
  if (size >= kHugePageBytes)
    ::madvise(memory, size, MADV_HUGEPAGE);  // only advice: may be refused
  return std::shared_ptr<void>(memory, [size](void* p) { ::munmap(p, size); });
}

Result<WeightRows> make_weight_rows(std::span<const HostTensor> blocks, DType dtype,
                                    bool keep_mapped) {
  WeightRows rows{.dtype = dtype, .num_columns = blocks.front().dim(1)};
  for (const HostTensor& block : blocks) {
    ERNIE_CHECK(block.dim(1) == rows.num_columns, "{}", to_string(block.shape()));
    rows.num_rows += block.dim(0);
  }
  if (keep_mapped && blocks.size() == 1 && blocks.front().dtype() == dtype) {
    const auto kept = std::make_shared<const HostTensor>(blocks.front());
    rows.data = kept->data();
    rows.owner = kept;
    return rows;
  }
  rows.owned_bytes = static_cast<size_t>(rows.num_rows * rows.num_columns) * dtype_bytes(dtype);
  ERNIE_TRY(const std::shared_ptr<void> memory, allocate_pages(rows.owned_bytes));
  auto* target = static_cast<std::byte*>(memory.get());
  for (const HostTensor& block : blocks) {
    const HostTensor converted = block.converted(dtype);
    std::memcpy(target, converted.data(), converted.num_bytes());
    target += converted.num_bytes();
  }
  rows.data = memory.get();
  rows.owner = memory;
  return rows;
}

size_t CpuExperts::num_bytes() const {
  size_t bytes = 0;
  for (const Expert& e : experts_)
    bytes += e.gate.owned_bytes + e.up.owned_bytes + e.down.owned_bytes;
  return bytes;
}

size_t CpuKvCache::num_bytes(const KvCacheShape& s, DType dtype) {
  return static_cast<size_t>(2 * s.num_layers * s.num_blocks * s.block_size * s.num_kv_heads *
                             s.head_dim) *
         dtype_bytes(dtype);
}

}  // namespace ernie::cpu
