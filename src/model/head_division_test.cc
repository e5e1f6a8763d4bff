// How heads are divided for models of every kind: what each rank gets, and that it is all there.

#include <gtest/gtest.h>

#include <algorithm>

#include "model/model_shape.h"

namespace ernie {
namespace {

ModelConfig model_of(int64_t num_heads, int64_t num_kv_heads) {
  ModelConfig config = *preset_model_config("tiny");
  config.num_heads = num_heads;
  config.num_kv_heads = num_kv_heads;
  return config;
}

/// Query heads of every rank.
std::vector<int64_t> heads_by_rank(const ModelConfig& config, int size) {
  std::vector<int64_t> heads;
  for (int rank = 0; rank < size; ++rank) {
    heads.push_back(shape_of(config, {rank, size}).heads.size());
  }
  return heads;
}

using Heads = std::vector<int64_t>;

TEST(HeadDivision, TwentyHeadsOverFourKeyHeadsByHand) {
  const ModelConfig config = model_of(20, 4);
  EXPECT_EQ(heads_by_rank(config, 1), (Heads{20}));
  EXPECT_EQ(heads_by_rank(config, 2), (Heads{10, 10}));
  EXPECT_EQ(heads_by_rank(config, 3), (Heads{10, 5, 5})) << "whole groups of five";
  EXPECT_EQ(heads_by_rank(config, 4), (Heads{5, 5, 5, 5}));
  EXPECT_EQ(heads_by_rank(config, 5), (Heads{3, 2, 5, 5, 5})) << "one group is shared";
  EXPECT_EQ(heads_by_rank(config, 6), (Heads{3, 2, 3, 2, 5, 5}));
  EXPECT_EQ(heads_by_rank(config, 7), (Heads{3, 2, 3, 2, 3, 2, 5}));
  EXPECT_EQ(heads_by_rank(config, 10), (Heads{2, 2, 1, 2, 2, 1, 3, 2, 3, 2}));
  EXPECT_EQ(heads_by_rank(config, 12), (Heads{2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1}));
  EXPECT_EQ(heads_by_rank(config, 16), (Heads{2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1}));
  EXPECT_EQ(heads_by_rank(config, 20), Heads(20, 1));
}

TEST(HeadDivision, OtherModelsByHand) {
  EXPECT_EQ(heads_by_rank(model_of(16, 2), 3), (Heads{4, 4, 8}));
  EXPECT_EQ(heads_by_rank(model_of(16, 2), 8), Heads(8, 2));
  EXPECT_EQ(heads_by_rank(model_of(8, 8), 3), (Heads{3, 3, 2}));
  EXPECT_EQ(heads_by_rank(model_of(8, 1), 3), (Heads{3, 3, 2}));
  EXPECT_EQ(heads_by_rank(model_of(3, 1), 5), (Heads{1, 1, 1, 0, 0}));
  EXPECT_EQ(heads_by_rank(model_of(6, 3), 8), (Heads{1, 1, 0, 1, 1, 0, 1, 1}));
}

TEST(HeadDivision, EveryHeadIsOnOneRankWithTheKeysItReads) {
  for (const auto& [num_heads, num_kv_heads] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {7, 7}, {8, 1}, {16, 2}, {12, 4}, {32, 8}, {24, 3}, {64, 64}, {40, 10}}) {
    const ModelConfig config = model_of(num_heads, num_kv_heads);
    const int64_t group = num_heads / num_kv_heads;
    for (int size = 1; size <= 20; ++size) {
      SCOPED_TRACE(fmt::format("{} over {} on {} ranks", num_heads, num_kv_heads, size));
      int64_t next_head = 0;
      for (int rank = 0; rank < size; ++rank) {
        const ModelShape shape = shape_of(config, {rank, size});
        ASSERT_EQ(shape.heads.begin, next_head);
        next_head = shape.heads.end;
        if (shape.heads.size() == 0) {
          EXPECT_EQ(shape.kv_heads.size(), 0) << "keys that nobody reads";
          continue;
        }
        EXPECT_EQ(shape.kv_heads.begin, shape.heads.begin / group);
        EXPECT_EQ(shape.kv_heads.end, (shape.heads.end - 1) / group + 1);
        EXPECT_EQ(shape.heads.size() % shape.kv_heads.size(), 0);
      }
      EXPECT_EQ(next_head, num_heads);
    }
  }
}

TEST(HeadDivision, NoRankIsIdleWhileAnotherHasTwoHeadsOfAGroup) {
  const ModelConfig config = model_of(20, 4);
  for (int size = 5; size <= 24; ++size) {
    // Ranks of one key head, by that head.
    std::vector<std::vector<int64_t>> groups(4);
    for (int rank = 0; rank < size; ++rank) {
      const ModelShape shape = shape_of(config, {rank, size});
      groups.at(static_cast<size_t>(shape.kv_heads.begin)).push_back(shape.heads.size());
    }
    for (const std::vector<int64_t>& group : groups) {
      const auto [least, most] = std::ranges::minmax(group);
      EXPECT_LE(most - least, 1) << size << " ranks";
    }
  }
}

TEST(HeadDivision, OtherWidthsAreDividedToo) {
  ModelConfig config = model_of(4, 2);
  config.intermediate_size = 70;
  config.moe_intermediate_size = 20;
  config.num_shared_experts = 2;
  config.num_experts = 5;
  config.vocab_size = 11;
  const ModelShape middle = shape_of(config, {1, 3}, 16);
  // Five blocks of 16, the last one short: 2, 2 and 1; three blocks of the shared 40: one each.
  EXPECT_EQ(middle.intermediate, (IndexRange{32, 64}));
  EXPECT_EQ(middle.shared_intermediate, (IndexRange{16, 32}));
  EXPECT_EQ(middle.experts, (IndexRange{2, 4}));
  EXPECT_EQ(middle.vocabulary, (IndexRange{4, 8}));
  const ModelShape last = shape_of(config, {2, 3}, 16);
  EXPECT_EQ(last.intermediate, (IndexRange{64, 70}));
  EXPECT_EQ(last.shared_intermediate, (IndexRange{32, 40}));
  EXPECT_EQ(last.experts, (IndexRange{4, 5}));
  EXPECT_EQ(last.vocabulary, (IndexRange{8, 11}));
}

TEST(HeadDivisionDeathTest, ARankIsOneOfThem) {
  const ModelConfig config = model_of(4, 2);
  EXPECT_DEATH(shape_of(config, {2, 2}), "rank 2 of 2");
  EXPECT_DEATH(shape_of(config, {-1, 2}), "rank -1 of 2");
}

}  // namespace
}  // namespace ernie
