#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kv/prefix_cache.h"

namespace ernie {

/// Hands out the blocks of a KV cache. A block is free or has a reference count of at least 1, so
/// that sequences can share one. With a PrefixCache a free block that holds a text keeps it until
/// no other is left; the one that was freed first is then written over first. One thread.
class BlockAllocator {
 public:
  /// `prefixes`: for as many blocks; null: nothing is kept. Must outlive the allocator.
  explicit BlockAllocator(int64_t num_blocks, PrefixCache* prefixes = nullptr);

  int64_t num_blocks() const { return static_cast<int64_t>(ref_counts_.size()); }
  int64_t num_free() const { return static_cast<int64_t>(blank_.size()) + num_kept_; }
  int32_t ref_count(BlockId block) const { return ref_counts_[static_cast<size_t>(block)]; }
  PrefixCache* prefixes() const { return prefixes_; }

  /// A free block, now with one reference; nothing if none is left. It holds no text any more.
  std::optional<BlockId> allocate();
  /// One more; the first one of a free block that holds a text.
  void add_reference(BlockId block);
  /// The block becomes free with its last reference.
  void release(BlockId block);

 private:
  bool is_kept(BlockId block) const;
  void keep(BlockId block);
  void unlink(BlockId block);

  PrefixCache* prefixes_;
  std::vector<int32_t> ref_counts_;
  std::vector<BlockId> blank_;  // a stack: the block last used is the one most likely in the caches
  // Free blocks that hold a text, a ring in the order in which they were freed; its begin and end
  // is the place num_blocks.
  // Others' places are never read, nor written to, so that their pages cost nothing.
  std::unique_ptr<BlockId[]> next_, previous_;
  int64_t num_kept_ = 0;
};

}  // namespace ernie
