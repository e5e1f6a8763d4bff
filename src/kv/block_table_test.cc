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

TEST(BlockTable, KnowsBlocksBehindItsOwnBeginningOnly) {
  PrefixCache prefixes(8, 2);
  BlockAllocator allocator(8, &prefixes);
  const std::vector<int32_t> tokens{1, 2, 3, 4, 5, 6, 7};
  const auto salted = PrefixCache::beginning(9);
  EXPECT_NE(salted, PrefixCache::beginning(11));
  EXPECT_EQ(PrefixCache::beginning(0), PrefixCache::kEmpty);
  BlockTable first(allocator, 2, salted);
  ASSERT_TRUE(first.reserve(7));
  first.make_known(tokens, 7);
  for (const auto other : {PrefixCache::kEmpty, PrefixCache::beginning(11)}) {
    BlockTable table(allocator, 2, other);
    EXPECT_EQ(table.take_known(tokens, 7), 0);
    EXPECT_EQ(table.take_part(tokens, 1), 0);
  }
  BlockTable same(allocator, 2, salted);
  EXPECT_EQ(same.take_known(tokens, 7), 6);
  same.clear();
  EXPECT_EQ(same.take_known(tokens, 7), 6) << "also when it begins again";
}

TEST(BlockTable, SharesTheFullBlocksOfAnEqualBeginning) {
  PrefixCache prefixes(8, 2);
  BlockAllocator allocator(8, &prefixes);
  const std::vector<int32_t> tokens{1, 2, 3, 4, 5, 6, 7};
  BlockTable first(allocator, 2);
  ASSERT_EQ(first.take_known(tokens, 6), 0);
  ASSERT_TRUE(first.reserve(7));
  first.make_known(tokens, 5);  // two full blocks
  BlockTable second(allocator, 2);
  const std::vector<int32_t> other{1, 2, 3, 4, 9, 9};
  EXPECT_EQ(second.take_known(other, 3), 2) << "no more than asked for";
  second.clear();
  EXPECT_EQ(second.take_known(other, 5), 4);
  EXPECT_EQ(second.blocks(), (std::vector<BlockId>{first.blocks()[0], first.blocks()[1]}));
  EXPECT_EQ(allocator.ref_count(first.blocks()[1]), 2);
  ASSERT_TRUE(second.reserve(6));
  EXPECT_NE(second.blocks()[2], first.blocks()[2]) << "what is not known is its own";
  second.make_known(other, 6);
  first.clear();
  EXPECT_EQ(allocator.ref_count(second.blocks()[1]), 1);
  second.clear();
  EXPECT_EQ(allocator.num_free(), 8);
  BlockTable third(allocator, 2);
  EXPECT_EQ(third.take_known(other, 6), 6) << "known after those who computed them are gone";
}

TEST(BlockTable, SharesTheFullBlocksOfAnotherTable) {
  BlockAllocator allocator(8);
  BlockTable first(allocator, 4), second(allocator, 4);
  ASSERT_TRUE(first.reserve(11));
  EXPECT_EQ(second.share(first, 7), 4) << "the second block is not full";
  EXPECT_EQ(second.blocks(), (std::vector<BlockId>{first.blocks()[0]}));
  EXPECT_EQ(allocator.ref_count(first.blocks()[0]), 2);
  EXPECT_EQ(second.num_missing(11), 2);
  EXPECT_EQ(second.num_missing(4), 0);
  {
    const BlockTable kept = first.share_full(11);
    EXPECT_EQ(kept.blocks().size(), 2u);
    first.clear();
    EXPECT_EQ(allocator.num_free(), 6) << "two are still shared";
  }
  EXPECT_EQ(allocator.num_free(), 7);
}

TEST(BlockTable, CopiesTheBeginningOfAKnownBlock) {
  PrefixCache prefixes(8, 4);
  BlockAllocator allocator(8, &prefixes);
  const std::vector<int32_t> tokens{1, 2, 3, 4, 5, 6, 7, 8}, other{1, 2, 3, 4, 5, 6, 9, 9};
  BlockTable first(allocator, 4), second(allocator, 4);
  ASSERT_TRUE(first.reserve(8));
  first.make_known(tokens, 8);
  ASSERT_EQ(second.take_known(other, 7), 4);
  EXPECT_FALSE(second.copy());
  EXPECT_EQ(second.take_part(other, 5), 1) << "no more than asked for";
  second.clear();
  second.take_known(other, 7);
  EXPECT_EQ(second.take_part(other, 7), 2);
  const SlotCopy copy = second.copy().value();
  EXPECT_EQ(copy.from, first.blocks()[1] * 4);
  EXPECT_EQ(copy.to, second.blocks()[1] * 4);
  EXPECT_EQ(copy.count, 2);
  EXPECT_NE(first.blocks()[1], second.blocks()[1]);
  first.clear();
  EXPECT_EQ(allocator.ref_count(copy.from / 4), 1) << "it is still to be copied";
  second.make_known(other, 8);
  EXPECT_EQ(allocator.ref_count(copy.from / 4), 0);
  EXPECT_FALSE(second.copy());
  second.clear();
  EXPECT_EQ(allocator.num_free(), 8);
  EXPECT_EQ(second.take_known(other, 8), 8) << "known by itself";
}

TEST(BlockTable, OfTwoWhoComputedTheSameOneIsKnown) {
  PrefixCache prefixes(8, 1);
  BlockAllocator allocator(8, &prefixes);
  const std::vector<int32_t> tokens{1, 2, 3};
  BlockTable first(allocator, 1), second(allocator, 1);
  ASSERT_TRUE(first.reserve(3) && second.reserve(3));
  first.make_known(tokens, 2);
  second.make_known(tokens, 3);  // the third behind the first one's second
  BlockTable third(allocator, 1);
  EXPECT_EQ(third.take_known(tokens, 3), 3);
  EXPECT_EQ(third.blocks(),
            (std::vector<BlockId>{first.blocks()[0], first.blocks()[1], second.blocks()[2]}));
}

// Without those before it a block is of no use, so those before it are written over last.
TEST(BlockTable, TheEndOfATextIsForgottenFirst) {
  PrefixCache prefixes(3, 1);
  BlockAllocator allocator(3, &prefixes);
  const std::vector<int32_t> tokens{1, 2, 3};
  {
    BlockTable table(allocator, 1);
    ASSERT_TRUE(table.reserve(3));
    table.make_known(tokens, 3);
  }
  ASSERT_TRUE(allocator.allocate());
  BlockTable again(allocator, 1);
  EXPECT_EQ(again.take_known(tokens, 3), 2);
}

TEST(BlockTableDeathTest, ASlotBeyondTheCapacityIsABug) {
  BlockAllocator allocator(1);
  BlockTable table(allocator, 4);
  ASSERT_TRUE(table.reserve(1));
  EXPECT_DEATH(table.slot(4), "token 4 of 4");
}

}  // namespace
}  // namespace ernie
