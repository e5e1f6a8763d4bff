#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ernie {

using BlockId = int32_t;

/// Hands out the blocks of a KV cache. A block is free or has a reference count of at least 1, so
/// that sequences can share one. One thread.
class BlockAllocator {
 public:
  explicit BlockAllocator(int64_t num_blocks);

  int64_t num_blocks() const { return static_cast<int64_t>(ref_counts_.size()); }
  int64_t num_free() const { return static_cast<int64_t>(free_.size()); }
  int32_t ref_count(BlockId block) const { return ref_counts_[static_cast<size_t>(block)]; }

  /// A free block, now with one reference; nothing if none is left.
  std::optional<BlockId> allocate();
  void add_reference(BlockId block);
  /// The block becomes free with its last reference.
  void release(BlockId block);

 private:
  std::vector<int32_t> ref_counts_;
  std::vector<BlockId> free_;  // a stack: the block last used is the one most likely in the caches
};

}  // namespace ernie
