#include "kv/block_allocator.h"

#include "base/check.h"

namespace ernie {

BlockAllocator::BlockAllocator(int64_t num_blocks)
    : ref_counts_(static_cast<size_t>(num_blocks), 0) {
  free_.reserve(ref_counts_.size());
  for (int64_t i = num_blocks - 1; i >= 0; --i) free_.push_back(static_cast<BlockId>(i));
}

std::optional<BlockId> BlockAllocator::allocate() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  ref_counts_[static_cast<size_t>(block)] = 1;
  return block;
}

void BlockAllocator::add_reference(BlockId block) {
  ERNIE_CHECK(ref_count(block) > 0, "block {} is free", block);
  ++ref_counts_[static_cast<size_t>(block)];
}

void BlockAllocator::release(BlockId block) {
  ERNIE_CHECK(ref_count(block) > 0, "block {} is free", block);
  if (--ref_counts_[static_cast<size_t>(block)] == 0) free_.push_back(block);
}

}  // namespace ernie
