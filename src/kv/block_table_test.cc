#include "kv/block_table.h"

#include <gtest/gtest.h>

#include <set>

namespace ernie {
namespace {

TEST(BlockTable, GrowsByWholeBlocksAndNamesDistinctSlots) {
  BlockAllocator allocator(8);
  BlockTable table(allocator, 4);
  ASSERT_TRUE(table.reserve(9));
  EXPECT_EQ(table.blocks().size(), 3u);
  std::set<int32_t> slots;
  for (int64_t i = 0; i < table.capacity(); ++i) slots.insert(table.slot(i));
  EXPECT_EQ(slots.size(), 12u);
  EXPECT_EQ(table.slot(5), table.blocks()[1] * 4 + 1);
}

TEST(BlockTable, ReservingLessKeepsWhatThereIs) {
  BlockAllocator allocator(8);
  BlockTable table(allocator, 4);
  ASSERT_TRUE(table.reserve(16));
  ASSERT_TRUE(table.reserve(1));
  EXPECT_EQ(table.capacity(), 16);
}

TEST(BlockTable, TakesNothingWhenItCannotTakeAll) {
  BlockAllocator allocator(3);
  BlockTable table(allocator, 4);
  ASSERT_TRUE(table.reserve(4));
  EXPECT_FALSE(table.reserve(17));
  EXPECT_EQ(allocator.num_free(), 2);
  EXPECT_TRUE(table.reserve(12));
}

TEST(BlockTable, GivesBlocksBackOnce) {
  BlockAllocator allocator(4);
  {
    BlockTable table(allocator, 2);
    ASSERT_TRUE(table.reserve(5));
    const BlockTable moved = std::move(table);
    EXPECT_EQ(moved.blocks().size(), 3u);
    EXPECT_EQ(allocator.num_free(), 1);
  }
  EXPECT_EQ(allocator.num_free(), 4);
}

TEST(BlockTableDeathTest, ASlotBeyondTheCapacityIsABug) {
  BlockAllocator allocator(1);
  BlockTable table(allocator, 4);
  ASSERT_TRUE(table.reserve(1));
  EXPECT_DEATH(table.slot(4), "token 4 of 4");
}

}  // namespace
}  // namespace ernie
