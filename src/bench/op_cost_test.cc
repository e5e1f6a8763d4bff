// Every count beside the figure that a person works out for the 21B model's shapes.

#include "bench/op_cost.h"

#include <gtest/gtest.h>

namespace ernie::bench {
namespace {

constexpr ElementBytes kBytes{.activation = 4, .weight = 2, .kv = 2};
constexpr QkvLayout kLayout{.num_heads = 20, .num_kv_heads = 4, .head_dim = 128};

void expect_cost(const OpCost& cost, double operations, double bytes) {
  EXPECT_DOUBLE_EQ(cost.operations, operations);
  EXPECT_DOUBLE_EQ(cost.bytes, bytes);
}

TEST(OpCost, Linear) {
  // 3 × 2560 → 3584: 9,175,040 weights.
  expect_cost(linear_cost(3, 2560, 3584, kBytes), 55'050'240, 18'350'080 + 3 * 6144 * 4);
}

TEST(OpCost, Embed) { expect_cost(embed_cost(2, 2560, kBytes), 0, 2 * 2560 * 6 + 8); }

TEST(OpCost, RmsNorm) {
  expect_cost(rms_norm_cost(8192, 2560, kBytes), 83'886'080, 167'772'160 + 10'240);
}

TEST(OpCost, RopeTable) { expect_cost(rope_table_cost(2, 128), 2 * 64 * 3, 2 * 64 * 8 + 8); }

TEST(OpCost, Rope) {
  // 24 heads of 64 pairs are turned; values are not.
  expect_cost(rope_cost(1, kLayout, kBytes), 24 * 64 * 6, 24 * 128 * 4 * 2 + 64 * 8);
}

TEST(OpCost, StoreKv) { expect_cost(store_kv_cost(1, kLayout, kBytes), 0, 1024 * 6 + 4); }

TEST(OpCost, AttentionOfOneDecode) {
  // 4096 keys: q·k and p·v are 2 × 2560 operations each; 2048 bytes of cache a token.
  const QuerySpan decode[] = {{1, 4096}};
  expect_cost(attention_cost(decode, kLayout, kBytes), 4096 * 10'240.0, 4096 * 2048 + 2 * 10'240);
}

TEST(OpCost, AttentionOfAPromptIsCausal) {
  // 1 + 2 + … + 512 = 131,328 pairs.
  const QuerySpan prompt[] = {{512, 512}};
  expect_cost(attention_cost(prompt, kLayout, kBytes), 131'328 * 10'240.0,
              512 * 2048 + 512 * 2 * 10'240);
}

TEST(OpCost, AttentionOfAChunkSeesWhatWasBefore) {
  // Queries 3 and 4 of a context of 4 see 3 and 4 keys.
  const QuerySpan chunk[] = {{2, 4}, {2, 4}};
  EXPECT_DOUBLE_EQ(attention_cost(chunk, kLayout, kBytes).operations, 2 * 7 * 10'240);
}

TEST(OpCost, SiluMul) { expect_cost(silu_mul_cost(32, 12288, kBytes), 1'966'080, 393'216 * 12); }

TEST(OpCost, Add) { expect_cost(add_cost(2, 2560, kBytes), 5120, 61'440); }

TEST(OpCost, Route) {
  // Per token 6 × 64 + 6 × 64 + 12; per call 64 biases.
  expect_cost(route_cost(2, 64, 6), 2 * 780, 2 * 256 + 256 + 2 * 48);
}

TEST(OpCost, Experts) {
  // One token, six experts of 3 × 2560 × 1536 = 11,796,480 weights: 141.6 MB in bfloat16.
  expect_cost(experts_cost(1, 6, 6, 2560, 1536, kBytes), 141'557'760,
              141'557'760 + 2 * 10'240 + 48);
}

TEST(OpCost, ExpertsShareWeights) {
  const OpCost cost = experts_cost(16, 6, 50.8, 2560, 1536, kBytes);
  EXPECT_DOUBLE_EQ(cost.operations, 16 * 141'557'760.0);
  EXPECT_DOUBLE_EQ(cost.bytes, 50.8 * 23'592'960 + 16 * (2 * 10'240 + 48));
}

TEST(OpCost, GatherRows) { expect_cost(gather_rows_cost(3, 2560, kBytes), 0, 3 * 20'480 + 12); }

TEST(LimitTime, TheSlowerResourceBinds) {
  // 30 GB/s and 200 GFLOP/s: 3 GB take 0.1 s, 10 GFLOP 0.05 s.
  const LimitTime memory = limit_time({10e9, 3e9}, 30, 200);
  EXPECT_TRUE(memory.by_memory);
  EXPECT_DOUBLE_EQ(memory.seconds, 0.1);
  const LimitTime arithmetic = limit_time({40e9, 3e9}, 30, 200);
  EXPECT_FALSE(arithmetic.by_memory);
  EXPECT_DOUBLE_EQ(arithmetic.seconds, 0.2);
}

}  // namespace
}  // namespace ernie::bench
