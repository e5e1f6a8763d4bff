#include "kv/prefix_cache.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"

namespace ernie {
namespace {

constexpr BlockId kNone = 0;

uint64_t random_key() {
  uint64_t key = 0;
  // Without entropy the key is known, which costs speed at worst.
  if (::getrandom(&key, sizeof key, GRND_NONBLOCK) != sizeof key) key = 0x9e3779b97f4a7c15;
  return key | 1;
}

/// Every bit of the result depends on every bit of x.
uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

}  // namespace

template <typename T>
PrefixCache::Zeroed<T> PrefixCache::zeroed(size_t count) {
  auto* memory = static_cast<T*>(std::calloc(count, sizeof(T)));
  if (memory == nullptr) throw std::bad_alloc();
  return Zeroed<T>(memory);
}

PrefixCache::PrefixCache(int64_t num_blocks, int64_t block_size)
    : block_size_(static_cast<size_t>(block_size)),
      num_buckets_(std::bit_ceil(static_cast<size_t>(num_blocks) + 1)),
      hash_key_(random_key()),
      buckets_(zeroed<BlockId>(num_buckets_)),
      prefixes_(zeroed<Prefix>(static_cast<size_t>(num_blocks))),
      next_(std::make_unique_for_overwrite<BlockId[]>(static_cast<size_t>(num_blocks))),
      before_(std::make_unique_for_overwrite<Prefix[]>(static_cast<size_t>(num_blocks))),
      candidate_buckets_(zeroed<BlockId>(num_buckets_)),
      next_candidate_(std::make_unique_for_overwrite<BlockId[]>(static_cast<size_t>(num_blocks))),
      previous_candidate_(
          std::make_unique_for_overwrite<BlockId[]>(static_cast<size_t>(num_blocks))),
      tokens_(std::make_unique_for_overwrite<int32_t[]>(static_cast<size_t>(num_blocks) *
                                                        block_size_)) {}

BlockId& PrefixCache::first_in_bucket(Prefix before, std::span<const int32_t> tokens) const {
  ERNIE_CHECK(tokens.size() == block_size_, "{} tokens, expected {}", tokens.size(), block_size_);
  uint64_t hash = mixed(static_cast<uint64_t>(before) ^ hash_key_);
  for (const int32_t token : tokens) hash = (hash ^ static_cast<uint32_t>(token)) * hash_key_;
  return buckets_.get()[static_cast<size_t>(mixed(hash)) & (num_buckets_ - 1)];
}

BlockId& PrefixCache::first_candidate(Prefix before, int32_t token) const {
  const uint64_t hash =
      mixed(static_cast<uint64_t>(before) ^ hash_key_) ^ static_cast<uint32_t>(token);
  return candidate_buckets_
      .get()[static_cast<size_t>(mixed(hash * hash_key_)) & (num_buckets_ - 1)];
}

std::span<int32_t> PrefixCache::tokens_of(BlockId block) const {
  return {&tokens_[index(block) * block_size_], block_size_};
}

std::optional<PrefixCache::Known> PrefixCache::find(Prefix before,
                                                    std::span<const int32_t> tokens) const {
  for (BlockId place = first_in_bucket(before, tokens); place != kNone;) {
    const BlockId block = place - 1;
    if (before_[index(block)] == before && std::ranges::equal(tokens_of(block), tokens)) {
      return Known{block, prefixes_.get()[index(block)]};
    }
    place = next_[index(block)];
  }
  return std::nullopt;
}

std::optional<PrefixCache::Part> PrefixCache::find_part(Prefix before,
                                                        std::span<const int32_t> tokens) const {
  if (tokens.empty()) return std::nullopt;
  Part best{0, 0};
  BlockId place = first_candidate(before, tokens[0]);
  for (int i = 0; i < kCandidates && place != kNone; ++i) {
    const BlockId block = place - 1;
    if (before_[index(block)] == before) {
      const auto differs = std::ranges::mismatch(tokens_of(block), tokens).in2;
      const int64_t num_tokens = differs - tokens.begin();
      if (num_tokens > best.num_tokens) best = {block, num_tokens};
    }
    place = next_candidate_[index(block)];
  }
  if (best.num_tokens == 0) return std::nullopt;
  return best;
}

PrefixCache::Prefix PrefixCache::insert(Prefix before, std::span<const int32_t> tokens,
                                        BlockId block) {
  ERNIE_CHECK(!holds(block), "block {} holds another text", block);
  BlockId& first = first_in_bucket(before, tokens);
  std::ranges::copy(tokens, tokens_of(block).begin());
  before_[index(block)] = before;
  prefixes_.get()[index(block)] = ++last_prefix_;
  next_[index(block)] = first;
  first = block + 1;
  BlockId& candidate = first_candidate(before, tokens[0]);
  next_candidate_[index(block)] = candidate;
  previous_candidate_[index(block)] = kNone;
  if (candidate != kNone) previous_candidate_[index(candidate - 1)] = block + 1;
  candidate = block + 1;
  return last_prefix_;
}

void PrefixCache::forget(BlockId block) {
  ERNIE_CHECK(holds(block), "block {} holds no text", block);
  BlockId* at = &first_in_bucket(before_[index(block)], tokens_of(block));
  while (*at != block + 1) at = &next_[index(*at - 1)];
  *at = next_[index(block)];
  const BlockId next = next_candidate_[index(block)], previous = previous_candidate_[index(block)];
  if (next != kNone) previous_candidate_[index(next - 1)] = previous;
  if (previous != kNone) {
    next_candidate_[index(previous - 1)] = next;
  } else {
    first_candidate(before_[index(block)], tokens_of(block)[0]) = next;
  }
  prefixes_.get()[index(block)] = kEmpty;
}

}  // namespace ernie
