#include "kv/block_table.h"

#include <utility>

#include "base/check.h"

namespace ernie {

BlockTable::BlockTable(BlockTable&& other) noexcept
    : allocator_(other.allocator_),
      block_size_(other.block_size_),
      blocks_(std::exchange(other.blocks_, {})) {}

bool BlockTable::reserve(int64_t num_tokens) {
  const int64_t needed = (num_tokens + block_size_ - 1) / block_size_;
  const int64_t missing = needed - static_cast<int64_t>(blocks_.size());
  if (missing > allocator_->num_free()) return false;
  for (int64_t i = 0; i < missing; ++i) blocks_.push_back(*allocator_->allocate());
  return true;
}

void BlockTable::clear() {
  for (const BlockId block : blocks_) allocator_->release(block);
  blocks_.clear();
}

int32_t BlockTable::slot(int64_t token_index) const {
  ERNIE_CHECK(0 <= token_index && token_index < capacity(), "token {} of {}", token_index,
              capacity());
  const int64_t block = blocks_[static_cast<size_t>(token_index / block_size_)];
  return static_cast<int32_t>(block * block_size_ + token_index % block_size_);
}

}  // namespace ernie
