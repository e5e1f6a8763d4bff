#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kv/block_allocator.h"

namespace ernie {

/// Slots that are to be copied: [from, from + count) to [to, to + count), each within a block.
struct SlotCopy {
  int32_t from = 0, to = 0, count = 0;
};

/// The blocks that hold one sequence's keys and values, in context order. Gives them back at its
/// end.
class BlockTable {
 public:
  /// The allocator must outlive the table. block_size > 0 tokens. `beginning`: of the prefix cache;
  /// only blocks behind the same one are known here.
  BlockTable(BlockAllocator& allocator, int64_t block_size,
             PrefixCache::Prefix beginning = PrefixCache::kEmpty)
      : allocator_(&allocator), block_size_(block_size), beginning_(beginning), known_(beginning) {}
  ~BlockTable() { clear(); }
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&&) = delete;
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;

  /// Shares the known blocks with which `tokens` begin, of at most `most` tokens. The table must be
  /// empty. Returns the number of tokens in them; 0 without a PrefixCache.
  int64_t take_known(std::span<const int32_t> tokens, int64_t most);
  /// Behind known blocks: a block of its own for the beginning of a known one, as far as it agrees
  /// with what follows in the first `most` of `tokens`. Returns the number of tokens, whose slots
  /// copy() tells; 0 if there are none, or no free block. The known block stays until make_known()
  /// or clear().
  int64_t take_part(std::span<const int32_t> tokens, int64_t most);
  /// What the last take_part() wants copied before the sequence is computed.
  std::optional<SlotCopy> copy() const;
  /// The block that copy() is from.
  std::optional<BlockId> copied_block() const { return copied_block_; }
  /// The first num_computed of `tokens` are stored: makes the full blocks of them known to others.
  void make_known(std::span<const int32_t> tokens, int64_t num_computed);

  /// Shares the full blocks of the first `most` tokens of another table, whose tokens are stored
  /// and the same. The table must be empty. Returns the number of tokens in them.
  int64_t share(const BlockTable& other, int64_t most);
  /// A table that shares the full blocks of the first num_tokens of this one.
  BlockTable share_full(int64_t num_tokens) const;

  /// Makes room for `num_tokens` in all. False: too few free blocks; then nothing has changed.
  bool reserve(int64_t num_tokens);
  void clear();

  /// Blocks that reserve(num_tokens) would take.
  int64_t num_missing(int64_t num_tokens) const;
  /// Of the allocator.
  int64_t num_free() const { return allocator_->num_free(); }
  bool has_prefix_cache() const { return allocator_->prefixes() != nullptr; }

  int64_t block_size() const { return block_size_; }
  int64_t capacity() const { return static_cast<int64_t>(blocks_.size()) * block_size_; }
  const std::vector<BlockId>& blocks() const { return blocks_; }
  /// Where the token at a place in the context is stored. token_index < capacity().
  int32_t slot(int64_t token_index) const;

 private:
  void release_copied();
  std::span<const int32_t> block_of(std::span<const int32_t> tokens, int64_t block_index) const;

  BlockAllocator* allocator_;
  int64_t block_size_;
  PrefixCache::Prefix beginning_;
  std::vector<BlockId> blocks_;
  // The text of the first blocks, as far as others can find it.
  int64_t num_known_ = 0;  // blocks
  PrefixCache::Prefix known_;
  std::optional<BlockId> copied_block_;  // referred to while it is copied from
  int64_t num_copied_ = 0;               // slots of it, to those of the last block
};

}  // namespace ernie
