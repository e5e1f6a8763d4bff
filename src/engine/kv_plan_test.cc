#include "engine/kv_plan.h"

#include <gtest/gtest.h>

#include "backend/registry.h"

namespace ernie {
namespace {

constexpr uint64_t kGiB = 1ull << 30;

class KvPlan : public ::testing::Test {
 protected:
  ModelConfig config_ = preset_model_config("21b").value();
  std::unique_ptr<Backend> backend_ = make_backend("cpu", {.num_threads = 1}).value();
  EngineOptions options_;
};

TEST_F(KvPlan, The21BModelNeeds57344BytesForEachToken) {
  ASSERT_TRUE(plan_kv_cache(config_, shape_of(config_, {}), *backend_, 100 * kGiB, options_));
  EXPECT_EQ(options_.max_model_len, 131072);
  const KvCacheShape shape{28, 1, 1, 4, 128};
  EXPECT_EQ(backend_->kv_bytes_per_token(shape), 57344u);
}

TEST_F(KvPlan, ShortensTheContextToTheMemory) {
  const auto shape = plan_kv_cache(config_, shape_of(config_, {}), *backend_, 1 * kGiB, options_);
  ASSERT_TRUE(shape);
  EXPECT_LE(options_.max_model_len * 57344, static_cast<int64_t>(kGiB));
  EXPECT_GT((options_.max_model_len + 2 * options_.block_size) * 57344, static_cast<int64_t>(kGiB));
  EXPECT_EQ(shape->num_blocks * shape->block_size, options_.max_model_len);
}

TEST_F(KvPlan, TakesNoMoreThanAllSequencesCanUse) {
  options_.max_model_len = 100;
  options_.max_num_seqs = 3;
  const auto shape = plan_kv_cache(config_, shape_of(config_, {}), *backend_, 100 * kGiB, options_);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->num_blocks, 3 * 7);
}

TEST_F(KvPlan, ALimitLeavesRoomForOneContext) {
  const auto num_blocks = [&](int64_t max_bytes, uint64_t free_bytes) {
    EngineOptions options{.max_model_len = 1600, .max_num_seqs = 8};
    options.max_kv_cache_bytes = max_bytes;
    const auto shape =
        plan_kv_cache(config_, shape_of(config_, {}), *backend_, free_bytes, options);
    EXPECT_EQ(options.kv_cache_bytes, shape->num_blocks * 917'504);
    return shape->num_blocks;
  };
  EXPECT_EQ(num_blocks(0, 100 * kGiB), 8 * 100);
  EXPECT_EQ(num_blocks(100 << 20, 100 * kGiB), 114) << "100 MiB in blocks of 917,504 bytes";
  EXPECT_EQ(num_blocks(1, 100 * kGiB), 100) << "one context";
  EXPECT_EQ(num_blocks(int64_t{1} << 40, 100 * kGiB), 8 * 100) << "no more than without";
  EXPECT_EQ(num_blocks(200 << 20, 110 * 917'504), 110) << "no more than is free";
}

TEST_F(KvPlan, SaysWhatDoesNotFit) {
  options_.max_model_len = 131072;
  const auto shape = plan_kv_cache(config_, shape_of(config_, {}), *backend_, 1 * kGiB, options_);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().message,
            "KV cache: got 1073741824 bytes, expected at least 7516192768 for one context of "
            "131072 tokens");
}

TEST_F(KvPlan, MemoryThatIsGivenIsUsedInWholeBlocks) {
  // Sixteen tokens of 57,344 bytes in a block.
  options_.max_num_seqs = 1;
  options_.kv_cache_bytes = 10 * 917'504 + 917'503;
  const auto shape = plan_kv_cache(config_, shape_of(config_, {}), *backend_, 0, options_);
  ASSERT_TRUE(shape) << "whatever is free";
  EXPECT_EQ(shape->num_blocks, 10);
  EXPECT_EQ(options_.kv_cache_bytes, 10 * 917'504);
  EXPECT_EQ(options_.max_model_len, 160);
}

TEST_F(KvPlan, ARankNeedsTheMemoryOfItsOwnHeads) {
  // Two of four key heads: 28,672 bytes a token. 2,340 blocks of sixteen are the most in 1 GiB.
  const auto shape =
      plan_kv_cache(config_, shape_of(config_, {1, 2}), *backend_, 1 * kGiB, options_);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->num_kv_heads, 2);
  EXPECT_EQ(shape->num_blocks, 2340);
  EXPECT_EQ(options_.max_model_len, 2340 * 16);
  EXPECT_EQ(options_.kv_cache_bytes, 2340 * 16 * 28'672);
}

TEST_F(KvPlan, ARankWithoutKeyHeadsCountsBlocksAsTheOthersDo) {
  const ModelShape idle = shape_of(config_, {5, 24});
  ASSERT_EQ(idle.kv_heads.size(), 0);
  options_.max_model_len = 1000;
  options_.max_num_seqs = 3;
  const auto shape = plan_kv_cache(config_, idle, *backend_, 1 * kGiB, options_);
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->num_kv_heads, 0);
  EXPECT_EQ(shape->num_blocks, 3 * 63);
}

TEST_F(KvPlan, SlotsHave32Bits) {
  options_.block_size = 4096;
  options_.kv_cache_bytes = int64_t{1} << 62;
  const auto shape = plan_kv_cache(config_, shape_of(config_, {}), *backend_, 0, options_);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->num_blocks, 524'287) << "2^31 - 1 slots, in whole blocks of 4,096";
}

TEST_F(KvPlan, RefusesOptionsOutOfRange) {
  const auto refused = [&](auto change) {
    EngineOptions options;
    change(options);
    return !plan_kv_cache(config_, shape_of(config_, {}), *backend_, 100 * kGiB, options);
  };
  EXPECT_TRUE(refused([](EngineOptions& o) { o.max_model_len = 131073; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.max_model_len = -1; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.max_num_seqs = 0; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.max_num_batched_tokens = o.max_num_seqs - 1; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.block_size = 0; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.kv_cache_bytes = -1; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.max_kv_cache_bytes = -1; }));
  EXPECT_TRUE(refused([](EngineOptions& o) { o.kv_cache_bytes = 57344; }));  // less than one block
  EXPECT_FALSE(refused([](EngineOptions&) {}));
}

}  // namespace
}  // namespace ernie
