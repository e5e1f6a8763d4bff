#include "model/model_shape.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

ModelConfig config_21b() { return *preset_model_config("21b"); }

/// Checks that the ranges of all ranks follow one another from 0 to `total`.
void expect_partition(IndexRange ModelShape::*range, const ModelConfig& config, int size,
                      int64_t total) {
  int64_t end = 0;
  for (int rank = 0; rank < size; ++rank) {
    const IndexRange part = shape_of(config, {rank, size}).*range;
    EXPECT_EQ(part.begin, end) << "rank " << rank << " of " << size;
    end = part.end;
  }
  EXPECT_EQ(end, total) << size << " ranks";
}

TEST(ModelShape, RanksDivideEverythingAmongThem) {
  const ModelConfig config = config_21b();
  for (int size = 1; size <= 24; ++size) {
    expect_partition(&ModelShape::heads, config, size, 20);
    expect_partition(&ModelShape::experts, config, size, 64);
    expect_partition(&ModelShape::intermediate, config, size, config.intermediate_size);
    expect_partition(&ModelShape::shared_intermediate, config, size,
                     config.shared_intermediate_size());
    expect_partition(&ModelShape::vocabulary, config, size, config.vocab_size);
  }
}

TEST(ModelShape, QueryHeadsHaveTheirKeyValueHeads) {
  const ModelConfig config = config_21b();
  for (int size = 1; size <= 24; ++size) {
    for (int rank = 0; rank < size; ++rank) {
      const ModelShape shape = shape_of(config, {rank, size});
      if (shape.heads.size() == 0) {
        EXPECT_EQ(shape.kv_heads.size(), 0);
        continue;
      }
      // Query head h reads key/value head h / 5, and so it must be by the rank's own indices.
      ASSERT_EQ(shape.heads.size() % shape.kv_heads.size(), 0);
      const int64_t group = shape.heads.size() / shape.kv_heads.size();
      for (int64_t h = 0; h < shape.heads.size(); ++h) {
        EXPECT_EQ(shape.kv_heads.begin + h / group, (shape.heads.begin + h) / 5);
      }
    }
  }
}

TEST(ModelShape, TwentyHeadsOverEightRanksAreFourTimesThreeAndFourTimesTwo) {
  std::vector<int64_t> sizes;
  for (int rank = 0; rank < 8; ++rank) {
    const ModelShape shape = shape_of(config_21b(), {rank, 8});
    sizes.push_back(shape.heads.size());
    EXPECT_EQ(shape.kv_heads, (IndexRange{rank / 2, rank / 2 + 1}));
    EXPECT_EQ(shape.experts.size(), 8);
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{3, 2, 3, 2, 3, 2, 3, 2}));
}

TEST(ModelShape, ColumnsAreCutBetweenBlocks) {
  EXPECT_EQ(split_evenly(100, 3, 0, 32), (IndexRange{0, 64}));
  EXPECT_EQ(split_evenly(100, 3, 1, 32), (IndexRange{64, 96}));
  EXPECT_EQ(split_evenly(100, 3, 2, 32), (IndexRange{96, 100}));
  EXPECT_EQ(split_evenly(5, 8, 7), (IndexRange{5, 5}));
  for (int rank = 0; rank < 5; ++rank) {
    EXPECT_EQ(shape_of(config_21b(), {rank, 5}, 256).intermediate.begin % 256, 0);
  }
}

}  // namespace
}  // namespace ernie
