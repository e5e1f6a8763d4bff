#pragma once

#include <cstdint>
#include <vector>

#include "kv/block_allocator.h"

namespace ernie {

/// The blocks that hold one sequence's keys and values, in context order. Gives them back at its
/// end.
class BlockTable {
 public:
  /// The allocator must outlive the table. block_size > 0 tokens.
  BlockTable(BlockAllocator& allocator, int64_t block_size)
      : allocator_(&allocator), block_size_(block_size) {}
  ~BlockTable() { clear(); }
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&&) = delete;
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;

  /// Makes room for `num_tokens` in all. False: too few free blocks; then nothing has changed.
  bool reserve(int64_t num_tokens);
  void clear();

  int64_t capacity() const { return static_cast<int64_t>(blocks_.size()) * block_size_; }
  const std::vector<BlockId>& blocks() const { return blocks_; }
  /// Where the token at a place in the context is stored. token_index < capacity().
  int32_t slot(int64_t token_index) const;

 private:
  BlockAllocator* allocator_;
  int64_t block_size_;
  std::vector<BlockId> blocks_;
};

}  // namespace ernie
