#include "kv/block_allocator.h"

#include "base/check.h"

namespace ernie {

BlockAllocator::BlockAllocator(int64_t num_blocks, PrefixCache* prefixes)
    : prefixes_(prefixes), ref_counts_(static_cast<size_t>(num_blocks), 0) {
  blank_.reserve(ref_counts_.size());
  for (int64_t i = num_blocks - 1; i >= 0; --i) blank_.push_back(static_cast<BlockId>(i));
  if (prefixes_ == nullptr) return;
  next_ = std::make_unique_for_overwrite<BlockId[]>(ref_counts_.size() + 1);
  previous_ = std::make_unique_for_overwrite<BlockId[]>(ref_counts_.size() + 1);
  next_[ref_counts_.size()] = previous_[ref_counts_.size()] = static_cast<BlockId>(num_blocks);
}

std::optional<BlockId> BlockAllocator::allocate() {
  BlockId block = 0;
  if (!blank_.empty()) {
    block = blank_.back();
    blank_.pop_back();
  } else if (num_kept_ > 0) {
    block = next_[ref_counts_.size()];
    unlink(block);
    prefixes_->forget(block);
  } else {
    return std::nullopt;
  }
  ref_counts_[static_cast<size_t>(block)] = 1;
  return block;
}

void BlockAllocator::add_reference(BlockId block) {
  if (is_kept(block))
    unlink(block);
  else
    ERNIE_CHECK(ref_count(block) > 0, "block {} is free", block);
  ++ref_counts_[static_cast<size_t>(block)];
}

void BlockAllocator::release(BlockId block) {
  ERNIE_CHECK(ref_count(block) > 0, "block {} is free", block);
  if (--ref_counts_[static_cast<size_t>(block)] > 0) return;
  if (prefixes_ != nullptr && prefixes_->holds(block)) {
    keep(block);
  } else {
    blank_.push_back(block);
  }
}

bool BlockAllocator::is_kept(BlockId block) const {
  return ref_count(block) == 0 && prefixes_ != nullptr && prefixes_->holds(block);
}

/// At the end of the ring.
void BlockAllocator::keep(BlockId block) {
  const auto end = static_cast<BlockId>(num_blocks());
  const BlockId last = previous_[ref_counts_.size()];
  next_[static_cast<size_t>(last)] = block;
  previous_[static_cast<size_t>(block)] = last;
  next_[static_cast<size_t>(block)] = end;
  previous_[ref_counts_.size()] = block;
  ++num_kept_;
}

void BlockAllocator::unlink(BlockId block) {
  const BlockId next = next_[static_cast<size_t>(block)];
  const BlockId previous = previous_[static_cast<size_t>(block)];
  next_[static_cast<size_t>(previous)] = next;
  previous_[static_cast<size_t>(next)] = previous;
  --num_kept_;
}

}  // namespace ernie
