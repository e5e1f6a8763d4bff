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

namespace {

/// The block as `dtype`, dense, at `target`.
Result<void> copy_block(const HostMatrix& block, DType dtype, std::byte* target) {
  const std::optional<DType> stored = dense_dtype(block.format().id);
  if (!stored) {
    return make_error(ErrorCode::kUnsupported, "cpu: got a weight in {}, expected F32, BF16 or F16",
                      block.format().name);
  }
  if (*stored == dtype) return block.read_rows(0, block.num_rows(), target);
  const size_t row_bytes = static_cast<size_t>(block.num_columns()) * dtype_bytes(dtype);
  for (int64_t i = 0; i < block.num_rows(); ++i) {
    block.convert_row(i, dtype, target + static_cast<size_t>(i) * row_bytes);
  }
  return {};
}

}  // namespace

Result<WeightRows> make_weight_rows(std::span<const HostMatrix> blocks, DType dtype,
                                    bool keep_mapped) {
  WeightRows rows{.dtype = dtype, .num_columns = blocks.front().num_columns()};
  for (const HostMatrix& block : blocks) {
    ERNIE_CHECK(block.num_columns() == rows.num_columns, "{}", block.describe());
    rows.num_rows += block.num_rows();
  }
  const HostMatrix& first = blocks.front();
  if (keep_mapped && blocks.size() == 1 && dense_dtype(first.format().id) == dtype &&
      first.is_contiguous()) {
    rows.data = first.row(0);
    rows.owner = first.owner();
    return rows;
  }
  rows.owned_bytes = static_cast<size_t>(rows.num_rows * rows.num_columns) * dtype_bytes(dtype);
  ERNIE_TRY(const std::shared_ptr<void> memory, allocate_pages(rows.owned_bytes));
  auto* target = static_cast<std::byte*>(memory.get());
  for (const HostMatrix& block : blocks) {
    ERNIE_TRY_VOID(copy_block(block, dtype, target));
    target += static_cast<size_t>(block.num_elements()) * dtype_bytes(dtype);
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
