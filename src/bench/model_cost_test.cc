// The 21B model's figures as a person works them out from its published shape.

#include "bench/model_cost.h"

#include <gtest/gtest.h>

namespace ernie::bench {
namespace {

constexpr ElementBytes kBF16{.activation = 4, .weight = 2, .kv = 2};
// Attention 28 × 15,728,640, dense layer 94,371,840, shared experts 27 × 11,796,480 × 2, head.
constexpr double kAlways = 440'401'920.0 + 94'371'840.0 + 637'009'920.0 + 264'765'440.0;
constexpr double kExpert = 11'796'480.0, kRouters = 4'423'680.0;
// 57 norms and a row of the embedding.
constexpr double kSmall = 58 * 2560.0;

TEST(ModelCost, OneTokenOfTheFullModel) {
  const auto config = *preset_model_config("21b");
  const QuerySpan first[] = {{1, 1}};
  const OpCost cost = step_cost(config, first, 1, kBF16);
  const double active = kAlways + 27 * 6 * kExpert + kRouters;
  EXPECT_NEAR(active, 3.352e9, 0.001e9);
  // 28 layers: 2 products of 20 × 128 with one key each; 2048 bytes of cache.
  EXPECT_NEAR(cost.operations, 2 * active + 28 * 10'240, 1);
  EXPECT_NEAR(cost.bytes, 2 * (active + kRouters + kSmall) + 28 * 2048, 2000);
}

TEST(ModelCost, CacheGrowsWithTheContext) {
  const auto config = *preset_model_config("21b");
  const QuerySpan shallow[] = {{1, 1}}, deep[] = {{1, 4097}};
  const OpCost a = step_cost(config, shallow, 1, kBF16), b = step_cost(config, deep, 1, kBF16);
  EXPECT_NEAR(b.bytes - a.bytes, 4096.0 * 57'344, 1);
  EXPECT_NEAR(b.operations - a.operations, 4096.0 * 286'720, 1);
}

TEST(ModelCost, ExpertsOfABatch) {
  EXPECT_DOUBLE_EQ(expected_experts(64, 6, 1), 6);
  EXPECT_NEAR(expected_experts(64, 6, 2), 11.4, 0.05);
  EXPECT_NEAR(expected_experts(64, 6, 8), 34.9, 0.05);
  EXPECT_NEAR(expected_experts(64, 6, 32), 61.3, 0.05);
  const auto config = *preset_model_config("21b");
  const std::vector<QuerySpan> eight(8, {1, 1});
  EXPECT_NEAR(step_cost(config, eight, 8, kBF16).bytes, 25.1e9, 0.1e9);
}

TEST(ModelCost, NoLogitsNoHead) {
  const auto config = *preset_model_config("0.3b");
  const QuerySpan chunk[] = {{4, 4}};
  const OpCost with = step_cost(config, chunk, 1, kBF16),
               without = step_cost(config, chunk, 0, kBF16);
  const double head = 103'424.0 * 1024;
  EXPECT_DOUBLE_EQ(with.bytes - without.bytes, 2 * head);
  EXPECT_DOUBLE_EQ(with.operations - without.operations, 2 * head);
}

TEST(ModelCost, PromptsAreCutIntoSteps) {
  const auto config = *preset_model_config("tiny");
  // Two prompts of 5 by at most 4 tokens: 4; 1 and 3; 2.
  const std::vector<OpCost> steps = prefill_costs(config, 2, 5, 4, kBF16);
  ASSERT_EQ(steps.size(), 3u);
  const QuerySpan first[] = {{4, 4}}, second[] = {{1, 5}, {3, 3}}, third[] = {{2, 5}};
  const OpCost want[] = {step_cost(config, first, 0, kBF16), step_cost(config, second, 1, kBF16),
                         step_cost(config, third, 1, kBF16)};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(steps[i].operations, want[i].operations) << i;
    EXPECT_DOUBLE_EQ(steps[i].bytes, want[i].bytes) << i;
  }
}

}  // namespace
}  // namespace ernie::bench
