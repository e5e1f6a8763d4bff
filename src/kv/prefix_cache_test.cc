#include "kv/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace ernie {
namespace {

using Tokens = std::vector<int32_t>;

TEST(PrefixCache, FindsABlockByItsTokensAndAllBeforeThem) {
  PrefixCache cache(8, 2);
  const auto ab = cache.insert(PrefixCache::kEmpty, Tokens{1, 2}, 5);
  const auto abcd = cache.insert(ab, Tokens{3, 4}, 0);
  EXPECT_NE(ab, abcd);
  ASSERT_TRUE(cache.find(PrefixCache::kEmpty, Tokens{1, 2}));
  EXPECT_EQ(cache.find(PrefixCache::kEmpty, Tokens{1, 2})->block, 5);
  EXPECT_EQ(cache.find(ab, Tokens{3, 4})->block, 0);
  EXPECT_EQ(cache.find(ab, Tokens{3, 4})->prefix, abcd);
  EXPECT_FALSE(cache.find(PrefixCache::kEmpty, Tokens{3, 4})) << "nothing stands before it";
  EXPECT_FALSE(cache.find(ab, Tokens{4, 3}));
  EXPECT_FALSE(cache.find(abcd, Tokens{3, 4}));
}

// The tokens behind a forgotten block were computed with it: the same text in another block is
// another prefix.
TEST(PrefixCache, WhatIsForgottenTakesWhatFollowsWithIt) {
  PrefixCache cache(8, 1);
  const auto first = cache.insert(PrefixCache::kEmpty, Tokens{7}, 0);
  cache.insert(first, Tokens{8}, 1);
  cache.forget(0);
  EXPECT_FALSE(cache.holds(0));
  EXPECT_TRUE(cache.holds(1));
  EXPECT_FALSE(cache.find(PrefixCache::kEmpty, Tokens{7}));
  const auto again = cache.insert(PrefixCache::kEmpty, Tokens{7}, 2);
  EXPECT_NE(first, again);
  EXPECT_FALSE(cache.find(again, Tokens{8}));
  cache.forget(1);
  EXPECT_FALSE(cache.holds(1));
}

TEST(PrefixCache, FindsTheLongestBeginningOfABlock) {
  PrefixCache cache(8, 4);
  const auto first = cache.insert(PrefixCache::kEmpty, Tokens{1, 2, 3, 4}, 0);
  cache.insert(first, Tokens{5, 6, 7, 8}, 1);
  cache.insert(first, Tokens{5, 6, 9, 9}, 2);
  cache.insert(first, Tokens{6, 6, 6, 6}, 3);
  cache.insert(PrefixCache::kEmpty, Tokens{5, 6, 7, 7}, 4);
  const auto part = cache.find_part(first, Tokens{5, 6, 7});
  ASSERT_TRUE(part);
  EXPECT_EQ(part->block, 1);
  EXPECT_EQ(part->num_tokens, 3);
  EXPECT_EQ(cache.find_part(first, Tokens{5, 6, 9})->block, 2);
  EXPECT_EQ(cache.find_part(first, Tokens{5, 1, 7})->num_tokens, 1);
  EXPECT_FALSE(cache.find_part(first, Tokens{7, 5}));
  EXPECT_FALSE(cache.find_part(first, Tokens{}));
  cache.forget(1);
  EXPECT_EQ(cache.find_part(first, Tokens{5, 6, 7})->num_tokens, 2);
  cache.forget(2);
  EXPECT_FALSE(cache.find_part(first, Tokens{5, 6, 7}));
}

// Random operations beside a plain map; with so few buckets every chain is long.
TEST(PrefixCache, AgreesWithAMapUnderRandomOperations) {
  constexpr int kBlocks = 40;
  PrefixCache cache(kBlocks, 3);
  using Key = std::pair<PrefixCache::Prefix, Tokens>;
  std::map<Key, PrefixCache::Known> model;
  std::map<BlockId, Key> by_block;
  std::vector<PrefixCache::Prefix> prefixes{PrefixCache::kEmpty};
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) {
    const Key key{prefixes[random() % prefixes.size()],
                  {static_cast<int32_t>(random() % 2), -5, static_cast<int32_t>(random() % 2)}};
    const auto found = cache.find(key.first, key.second);
    const auto expected = model.find(key);
    ASSERT_EQ(found.has_value(), expected != model.end());
    const auto part = cache.find_part(key.first, std::span(key.second).first(2));
    ASSERT_EQ(part.has_value(), std::ranges::any_of(model, [&](const auto& entry) {
                return entry.first.first == key.first && entry.first.second[0] == key.second[0];
              }));
    if (part) {
      ASSERT_EQ(by_block.at(part->block).first, key.first);
      ASSERT_EQ(part->num_tokens, 2) << "-5 is the second token of all";
    }
    const auto block = static_cast<BlockId>(random() % kBlocks);
    ASSERT_EQ(cache.holds(block), by_block.contains(block));
    if (found) {
      ASSERT_EQ(found->block, expected->second.block);
      ASSERT_EQ(found->prefix, expected->second.prefix);
    } else if (!cache.holds(block)) {
      const auto prefix = cache.insert(key.first, key.second, block);
      model[key] = {block, prefix};
      by_block[block] = key;
      if (prefixes.size() < 20) prefixes.push_back(prefix);
    }
    if (const auto old = static_cast<BlockId>(random() % kBlocks); cache.holds(old)) {
      cache.forget(old);
      model.erase(by_block.at(old));
      by_block.erase(old);
    }
  }
}

TEST(PrefixCacheDeathTest, ABlockHoldsOneText) {
  PrefixCache cache(2, 1);
  cache.insert(PrefixCache::kEmpty, Tokens{1}, 0);
  EXPECT_DEATH(cache.insert(PrefixCache::kEmpty, Tokens{2}, 0), "block 0 holds another text");
  EXPECT_DEATH(cache.forget(1), "block 1 holds no text");
  EXPECT_DEATH((void)cache.find(PrefixCache::kEmpty, Tokens{1, 2}), "2 tokens, expected 1");
}

}  // namespace
}  // namespace ernie
