#include "kv/block_allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ernie {
namespace {

// A state machine of random operations against a plain map of reference counts.
TEST(BlockAllocator, KeepsItsInvariantsUnderRandomOperations) {
  constexpr int64_t kBlocks = 13;
  BlockAllocator allocator(kBlocks);
  std::map<BlockId, int32_t> model;
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const unsigned action = random() % 3;
    if (action == 0) {
      const auto block = allocator.allocate();
      ASSERT_EQ(block.has_value(), model.size() < kBlocks);
      if (block) {
        ASSERT_TRUE(model.emplace(*block, 1).second)
            << "block " << *block << " was handed out twice";
      }
    } else if (!model.empty()) {
      const auto it = std::next(model.begin(), static_cast<long>(random() % model.size()));
      if (action == 1) {
        allocator.add_reference(it->first);
        ++it->second;
      } else {
        allocator.release(it->first);
        if (--it->second == 0) model.erase(it);
      }
    }
    ASSERT_EQ(allocator.num_free(), kBlocks - static_cast<int64_t>(model.size()));
    for (const auto& [block, count] : model) ASSERT_EQ(allocator.ref_count(block), count);
  }
}

TEST(BlockAllocator, KeepsWhatBlocksHoldUntilNoOtherIsLeft) {
  PrefixCache prefixes(3, 1);
  BlockAllocator allocator(3, &prefixes);
  const BlockId first = *allocator.allocate(), second = *allocator.allocate();
  const std::vector<int32_t> a{1}, b{2};
  prefixes.insert(PrefixCache::kEmpty, a, first);
  prefixes.insert(PrefixCache::kEmpty, b, second);
  allocator.release(second);
  allocator.release(first);
  EXPECT_EQ(allocator.num_free(), 3);
  const BlockId blank = *allocator.allocate();
  EXPECT_NE(blank, first);
  EXPECT_NE(blank, second);
  EXPECT_EQ(*allocator.allocate(), second) << "freed before the other";
  EXPECT_FALSE(prefixes.holds(second));
  EXPECT_TRUE(prefixes.holds(first));
  allocator.add_reference(first);  // found by its text
  EXPECT_EQ(allocator.num_free(), 0);
  EXPECT_FALSE(allocator.allocate());
  allocator.release(first);
  EXPECT_EQ(*allocator.allocate(), first);
  EXPECT_FALSE(prefixes.holds(first));
}

// The same state machine with texts: every block's reference count and text beside a plain model in
// which free blocks with a text stand in the order in which they were freed.
TEST(BlockAllocator, KeepsItsInvariantsWithTexts) {
  constexpr int64_t kBlocks = 9;
  PrefixCache prefixes(kBlocks, 1);
  BlockAllocator allocator(kBlocks, &prefixes);
  std::map<BlockId, int32_t> used;
  std::vector<BlockId> kept;
  std::mt19937 random(2);
  int32_t next_token = 0;
  for (int i = 0; i < 200'000; ++i) {
    const unsigned action = random() % 5;
    const auto some = [&] {
      return std::next(used.begin(), static_cast<long>(random() % used.size()));
    };
    if (action == 0) {
      const bool has_blank = used.size() + kept.size() < kBlocks;
      const auto block = allocator.allocate();
      ASSERT_EQ(block.has_value(), has_blank || !kept.empty());
      if (!block) continue;
      if (!has_blank) {
        ASSERT_EQ(*block, kept.front());
        kept.erase(kept.begin());
      }
      ASSERT_FALSE(prefixes.holds(*block));
      ASSERT_TRUE(used.emplace(*block, 1).second);
    } else if (action == 1 && !used.empty()) {
      const BlockId block = some()->first;
      const std::vector<int32_t> token{next_token++};
      if (!prefixes.holds(block)) prefixes.insert(PrefixCache::kEmpty, token, block);
    } else if (action == 2 && !kept.empty()) {
      const size_t at = random() % kept.size();
      allocator.add_reference(kept[at]);
      used[kept[at]] = 1;
      kept.erase(kept.begin() + static_cast<long>(at));
    } else if (action == 3 && !used.empty()) {
      const auto it = some();
      allocator.add_reference(it->first);
      ++it->second;
    } else if (action == 4 && !used.empty()) {
      const auto it = some();
      allocator.release(it->first);
      if (--it->second > 0) continue;
      if (prefixes.holds(it->first)) kept.push_back(it->first);
      used.erase(it);
    }
    ASSERT_EQ(allocator.num_free(), kBlocks - static_cast<int64_t>(used.size()));
    for (const auto& [block, count] : used) ASSERT_EQ(allocator.ref_count(block), count);
    for (const BlockId block : kept) ASSERT_TRUE(prefixes.holds(block));
  }
}

TEST(BlockAllocatorDeathTest, ReleasingAFreeBlockIsABug) {
  BlockAllocator allocator(2);
  EXPECT_DEATH(allocator.release(1), "block 1 is free");
}

}  // namespace
}  // namespace ernie
