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

TEST(BlockAllocatorDeathTest, ReleasingAFreeBlockIsABug) {
  BlockAllocator allocator(2);
  EXPECT_DEATH(allocator.release(1), "block 1 is free");
}

}  // namespace
}  // namespace ernie
