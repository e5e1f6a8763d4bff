#include "kv/block_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ernie {

BlockTable::BlockTable(BlockTable&& other) noexcept
    : allocator_(other.allocator_),
      block_size_(other.block_size_),
      beginning_(other.beginning_),
      blocks_(std::exchange(other.blocks_, {})),
      num_known_(std::exchange(other.num_known_, 0)),
      known_(std::exchange(other.known_, other.beginning_)),
      copied_block_(std::exchange(other.copied_block_, std::nullopt)),
      num_copied_(other.num_copied_) {}

int64_t BlockTable::take_known(std::span<const int32_t> tokens, int64_t most) {
  PrefixCache* prefixes = allocator_->prefixes();
  if (prefixes == nullptr) return 0;
  ERNIE_CHECK(blocks_.empty(), "{} blocks", blocks_.size());
  while ((num_known_ + 1) * block_size_ <= most) {
    const auto found = prefixes->find(known_, block_of(tokens, num_known_));
    if (!found) break;
    allocator_->add_reference(found->block);
    blocks_.push_back(found->block);
    known_ = found->prefix;
    ++num_known_;
  }
  return num_known_ * block_size_;
}

int64_t BlockTable::take_part(std::span<const int32_t> tokens, int64_t most) {
  PrefixCache* prefixes = allocator_->prefixes();
  const int64_t num_known = num_known_ * block_size_;
  if (prefixes == nullptr || most <= num_known) return 0;
  const int64_t count = std::min(most - num_known, block_size_ - 1);
  const auto part = prefixes->find_part(
      known_, tokens.subspan(static_cast<size_t>(num_known), static_cast<size_t>(count)));
  if (!part) return 0;
  // First, so that it is not the one that is allocated.
  allocator_->add_reference(part->block);
  const std::optional<BlockId> own = allocator_->allocate();
  if (!own) {
    allocator_->release(part->block);
    return 0;
  }
  blocks_.push_back(*own);
  copied_block_ = part->block;
  num_copied_ = part->num_tokens;
  return num_copied_;
}

std::optional<SlotCopy> BlockTable::copy() const {
  if (!copied_block_) return std::nullopt;
  return SlotCopy{static_cast<int32_t>(*copied_block_ * block_size_),
                  slot(num_known_ * block_size_), static_cast<int32_t>(num_copied_)};
}

void BlockTable::release_copied() {
  if (copied_block_) allocator_->release(*copied_block_);
  copied_block_.reset();
}

void BlockTable::make_known(std::span<const int32_t> tokens, int64_t num_computed) {
  release_copied();
  PrefixCache* prefixes = allocator_->prefixes();
  if (prefixes == nullptr) return;
  while ((num_known_ + 1) * block_size_ <= num_computed) {
    // Two sequences may have computed the same: then the first one's block is the known one.
    const std::span<const int32_t> part = block_of(tokens, num_known_);
    const auto found = prefixes->find(known_, part);
    const BlockId own = blocks_[static_cast<size_t>(num_known_)];
    known_ = found ? found->prefix : prefixes->insert(known_, part, own);
    ++num_known_;
  }
}

int64_t BlockTable::share(const BlockTable& other, int64_t most) {
  ERNIE_CHECK(blocks_.empty(), "{} blocks", blocks_.size());
  const auto num_shared = std::min(other.blocks_.size(), static_cast<size_t>(most / block_size_));
  blocks_.assign(other.blocks_.begin(), other.blocks_.begin() + static_cast<long>(num_shared));
  for (const BlockId block : blocks_) allocator_->add_reference(block);
  return capacity();
}

BlockTable BlockTable::share_full(int64_t num_tokens) const {
  BlockTable table(*allocator_, block_size_);
  table.share(*this, num_tokens);
  return table;
}

std::span<const int32_t> BlockTable::block_of(std::span<const int32_t> tokens,
                                              int64_t block_index) const {
  const auto size = static_cast<size_t>(block_size_);
  return tokens.subspan(static_cast<size_t>(block_index) * size, size);
}

int64_t BlockTable::num_missing(int64_t num_tokens) const {
  const int64_t needed = (num_tokens + block_size_ - 1) / block_size_;
  return std::max<int64_t>(needed - static_cast<int64_t>(blocks_.size()), 0);
}

bool BlockTable::reserve(int64_t num_tokens) {
  const int64_t missing = num_missing(num_tokens);
  if (missing > allocator_->num_free()) return false;
  for (int64_t i = 0; i < missing; ++i) blocks_.push_back(*allocator_->allocate());
  return true;
}

void BlockTable::clear() {
  release_copied();
  // The last first: a block is of no use to others without those before it.
  for (; !blocks_.empty(); blocks_.pop_back()) allocator_->release(blocks_.back());
  num_known_ = 0;
  known_ = beginning_;
}

int32_t BlockTable::slot(int64_t token_index) const {
  ERNIE_CHECK(0 <= token_index && token_index < capacity(), "token {} of {}", token_index,
              capacity());
  const int64_t block = blocks_[static_cast<size_t>(token_index / block_size_)];
  return static_cast<int32_t>(block * block_size_ + token_index % block_size_);
}

}  // namespace ernie
