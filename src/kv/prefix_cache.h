#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

namespace ernie {

using BlockId = int32_t;

/// Which full blocks of a KV cache hold which text: a block's tokens behind all tokens before them.
/// Found are equal tokens, not equal hashes. All memory is allocated by the constructor. One
/// thread.
class PrefixCache {
 public:
  /// A text of whole blocks. A number is given once, so what was forgotten is never taken for what
  /// came later.
  using Prefix = int64_t;
  static constexpr Prefix kEmpty = 0;
  /// What stands before the texts of those who use this salt: they find each other's blocks and no
  /// one else's. 0 is no salt.
  static constexpr Prefix beginning(uint64_t salt) {
    return salt == 0 ? kEmpty : -1 - static_cast<Prefix>(salt >> 1);
  }

  struct Known {
    BlockId block;
    Prefix prefix;  ///< that ends with the block
  };

  /// block_size > 0 tokens.
  PrefixCache(int64_t num_blocks, int64_t block_size);

  /// The block that holds `tokens` behind `before`; nothing if none does. tokens: block_size of
  /// them, here and below.
  std::optional<Known> find(Prefix before, std::span<const int32_t> tokens) const;
  /// The beginning of a block.
  struct Part {
    BlockId block;
    int64_t num_tokens;  ///< > 0
  };
  /// A block behind `before` that begins as `tokens`, fewer than block_size of them, do. The
  /// longest such part of those examined: the kCandidates that were inserted last with the first of
  /// `tokens`.
  std::optional<Part> find_part(Prefix before, std::span<const int32_t> tokens) const;
  /// `block` holds them from now on: no other does, and it holds nothing else.
  Prefix insert(Prefix before, std::span<const int32_t> tokens, BlockId block);
  bool holds(BlockId block) const { return prefixes_.get()[index(block)] != kEmpty; }
  /// What a block that is held holds.
  struct Text {
    BlockId block;
    Prefix before, prefix;            ///< without and with the block
    std::span<const int32_t> tokens;  ///< valid until the block is forgotten
  };
  Text text_of(BlockId block) const {
    return {block, before_[index(block)], prefixes_.get()[index(block)], tokens_of(block)};
  }
  /// A block that is held; it will be written over.
  void forget(BlockId block);

 private:
  static size_t index(BlockId block) { return static_cast<size_t>(block); }
  static constexpr int kCandidates = 8;
  BlockId& first_candidate(Prefix before, int32_t token) const;
  BlockId& first_in_bucket(Prefix before, std::span<const int32_t> tokens) const;
  std::span<int32_t> tokens_of(BlockId block) const;

  // A cache has room for every sequence at its longest, of which most runs see little: pages that
  // nobody writes to must cost nothing, so arrays are zeroed by the system or not at all.
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  template <typename T>
  using Zeroed = std::unique_ptr<T, Free>;
  template <typename T>
  static Zeroed<T> zeroed(size_t count);

  size_t block_size_, num_buckets_;
  uint64_t hash_key_;  // of this process: nobody can choose tokens that all fall into one bucket
  Prefix last_prefix_ = kEmpty;
  Zeroed<BlockId> buckets_;           // the first block of each plus one, 0: none
  Zeroed<Prefix> prefixes_;           // by block; kEmpty: not held
  std::unique_ptr<BlockId[]> next_;   // by block that is held: the next one in its bucket, likewise
  std::unique_ptr<Prefix[]> before_;  // by block that is held
  // The same blocks by what stands before them and their first token, newest first.
  Zeroed<BlockId> candidate_buckets_;
  std::unique_ptr<BlockId[]> next_candidate_, previous_candidate_;
  std::unique_ptr<int32_t[]> tokens_;  // [num_blocks, block_size]
};

}  // namespace ernie
