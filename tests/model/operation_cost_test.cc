// Every count beside the figure that a person works out for the 21B model's shapes.

#include "bench/op_cost.h"

#include <gtest/gtest.h>

namespace ernie::bench {
namespace {

constexpr ElementBytes kBytes{.activation = 4, .weight = 2, .kv = 2};
constexpr QkvLayout kLayout{.num_heads = 20, .num_kv_heads = 4, .head_dim = 128};

void expect_cost(const Operation& operation, double operations, double bytes) {
  const OpCost cost = cost_of(operation, kBytes);
  EXPECT_DOUBLE_EQ(cost.operations, operations);
  EXPECT_DOUBLE_EQ(cost.bytes, bytes);
}

TEST(OpCost, Linear) {
  // 3 × 2560 → 3584: 9,175,040 weights.
  expect_cost(linear_operation(3, 2560, 3584, MatrixUse::kLinear), 55'050'240,
              18'350'080 + 3 * 6144 * 4);
}

TEST(OpCost, Embed) { expect_cost(embed_operation(2, 1000, 2560), 0, 2 * 2560 * 6 + 8); }

TEST(OpCost, RmsNorm) {
  expect_cost(rms_norm_operation(8192, 2560), 83'886'080, 167'772'160 + 10'240);
}

TEST(OpCost, RopeTable) {
  expect_cost(rope_table_operation(2, 128, 1e4), 2 * 64 * 3, 2 * 64 * 8 + 8);
}

TEST(OpCost, Rope) {
  // 24 heads of 64 pairs are turned; values are not.
  expect_cost(rope_operation(1, kLayout), 24 * 64 * 6, 24 * 128 * 4 * 2 + 64 * 8);
}

TEST(OpCost, StoreKv) { expect_cost(store_kv_operation(1, kLayout), 0, 1024 * 6 + 4); }

TEST(OpCost, AttentionOfOneDecode) {
  // 4096 keys: q·k and p·v are 2 × 2560 operations each; 2048 bytes of cache a token.
  const std::vector<QuerySpan> decode{{1, 4096}};
  expect_cost(attention_operation(decode, kLayout), 4096 * 10'240.0, 4096 * 2048 + 2 * 10'240);
}

TEST(OpCost, AttentionOfAPromptIsCausal) {
  // 1 + 2 + … + 512 = 131,328 pairs.
  const std::vector<QuerySpan> prompt{{512, 512}};
  expect_cost(attention_operation(prompt, kLayout), 131'328 * 10'240.0,
              512 * 2048 + 512 * 2 * 10'240);
}

TEST(OpCost, AttentionOfAChunkSeesWhatWasBefore) {
  // Queries 3 and 4 of a context of 4 see 3 and 4 keys.
  const std::vector<QuerySpan> chunk{{2, 4}, {2, 4}};
  EXPECT_DOUBLE_EQ(attention_operation(chunk, kLayout).arithmetic, 2 * 7 * 10'240);
}

TEST(OpCost, SiluMul) { expect_cost(silu_mul_operation(32, 12288), 1'966'080, 393'216 * 12); }

TEST(OpCost, Add) { expect_cost(add_operation(2, 2560), 5120, 61'440); }

TEST(OpCost, Route) {
  // Per token 6 × 64 + 6 × 64 + 12; per call 64 biases.
  expect_cost(route_operation(2, 64, 6), 2 * 780, 2 * 256 + 256 + 2 * 48);
}

TEST(OpCost, Experts) {
  // One token, six experts of 3 × 2560 × 1536 = 11,796,480 weights: 141.6 MB in bfloat16.
  expect_cost(experts_operation(1, 64, 6, 2560, 1536), 141'557'760, 141'557'760 + 2 * 10'240 + 48);
}

TEST(OpCost, ExpertsShareWeights) {
  const double touched = expected_experts(64, 6, 16);
  EXPECT_NEAR(touched, 50.8, 0.05);
  const OpCost cost = cost_of(experts_operation(16, 64, 6, 2560, 1536), kBytes);
  EXPECT_DOUBLE_EQ(cost.operations, 16 * 141'557'760.0);
  EXPECT_DOUBLE_EQ(cost.bytes, touched * 23'592'960 + 16 * (2 * 10'240 + 48));
}

TEST(OpCost, FusedOperationsReadWhatLiesBetweenNowhere) {
  expect_cost(add_rms_norm_operation(2, 2560), 5 * 5120, 4 * 5120 * 4 + 10'240);
  expect_cost(gate_up_silu_operation(1, 2560, 1536), 4 * 2560 * 1536 + 5 * 1536,
              2 * 1536 * 2560 * 2 + (2560 + 1536) * 4);
  // Router in float32 and its bias beside the experts.
  expect_cost(moe_operation(1, 64, 6, 2560, 1536), 141'557'760 + 780 + 2 * 2560 * 64,
              141'557'760 + 64 * 2560 * 4 + 256 + 2 * 10'240);
}

TEST(OpCost, Argmax) { expect_cost(argmax_operation(3, 1000), 3000, 12'000 + 12); }

TEST(OpCost, GatherRows) { expect_cost(gather_rows_operation(3, 2560), 0, 3 * 20'480 + 12); }

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
