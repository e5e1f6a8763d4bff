#include "model/activations.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backend/registry.h"

namespace ernie {
namespace {

/// Three query heads on one key head of 8, MLPs of 20 and a shared one of 24, 5 experts, 11 words.
ModelConfig small_model() {
  ModelConfig config = *preset_model_config("tiny");
  config.vocab_size = 11;
  config.hidden_size = 16;
  config.num_heads = 3;
  config.num_kv_heads = 1;
  config.head_dim = 8;
  config.intermediate_size = 20;
  config.num_experts = 5;
  config.experts_per_token = 2;
  config.moe_intermediate_size = 12;
  config.num_shared_experts = 2;
  return config;
}

class ActivationsTest : public ::testing::TestWithParam<DType> {
 protected:
  Activations allocate(Shard shard) {
    return Activations::allocate(*backend_, config_, shape_of(config_, shard), /*max_tokens=*/7,
                                 /*max_logit_rows=*/3)
        .value();
  }
  static std::vector<const Tensor*> all_of(const Activations& a) {
    return {&a.hidden,     &a.normed,        &a.branch,       &a.shared,
            &a.qkv,        &a.attention,     &a.gate_up,      &a.activated,
            &a.rope_table, &a.router_logits, &a.expert_ids,   &a.expert_weights,
            &a.head_input, &a.logits,        &a.local_logits, &a.greedy_ids};
  }

  ModelConfig config_ = small_model();
  std::unique_ptr<Backend> backend_ =
      make_backend("reference", {.dtype = GetParam(), .num_threads = 1}).value();
};

INSTANTIATE_TEST_SUITE_P(Types, ActivationsTest, ::testing::Values(DType::kF32, DType::kBF16));

TEST_P(ActivationsTest, SizesOfAWholeModel) {
  const Activations a = allocate({});
  EXPECT_EQ(a.hidden.shape, (Shape{7, 16}));
  EXPECT_EQ(a.normed.shape, (Shape{7, 16}));
  EXPECT_EQ(a.branch.shape, (Shape{7, 16}));
  EXPECT_EQ(a.shared.shape, (Shape{7, 16}));
  EXPECT_EQ(a.qkv.shape, (Shape{7, 40})) << "three heads, a key and a value";
  EXPECT_EQ(a.attention.shape, (Shape{7, 24}));
  EXPECT_EQ(a.gate_up.shape, (Shape{7 * 48})) << "of the wider of both MLPs";
  EXPECT_EQ(a.activated.shape, (Shape{7 * 24}));
  EXPECT_EQ(a.rope_table.shape, (Shape{7, 4, 2}));
  EXPECT_EQ(a.router_logits.shape, (Shape{7, 5}));
  EXPECT_EQ(a.expert_ids.shape, (Shape{7, 2}));
  EXPECT_EQ(a.expert_weights.shape, (Shape{7, 2}));
  EXPECT_EQ(a.head_input.shape, (Shape{3, 16}));
  EXPECT_EQ(a.logits.shape, (Shape{3, 11}));
  EXPECT_EQ(a.local_logits.num_bytes(), 0u) << "a whole model has no use for them";
  EXPECT_EQ(a.greedy_ids.shape, (Shape{3}));
}

TEST_P(ActivationsTest, ARankHasRoomForItsPart) {
  const Activations a = allocate({1, 2});
  EXPECT_EQ(a.hidden.shape, (Shape{7, 16})) << "the residual stream is whole";
  EXPECT_EQ(a.qkv.shape, (Shape{7, 24})) << "the third head, its key and its value";
  EXPECT_EQ(a.attention.shape, (Shape{7, 8}));
  EXPECT_EQ(a.gate_up.shape, (Shape{7 * 24}));
  EXPECT_EQ(a.router_logits.shape, (Shape{7, 5})) << "routers are whole";
  EXPECT_EQ(a.logits.shape, (Shape{3, 11})) << "gathered";
  EXPECT_EQ(a.local_logits.shape, (Shape{3 * 5}));
}

TEST_P(ActivationsTest, AWiderDenseMlpDecides) {
  config_.intermediate_size = 30;
  EXPECT_EQ(allocate({}).gate_up.shape, (Shape{7 * 60}));
  EXPECT_EQ(allocate({}).activated.shape, (Shape{7 * 30}));
}

TEST_P(ActivationsTest, TypesAreThoseOfTheOperations) {
  const Activations a = allocate({});
  for (const Tensor* tensor : {&a.hidden, &a.normed, &a.branch, &a.shared, &a.qkv, &a.attention,
                               &a.gate_up, &a.activated, &a.head_input, &a.logits}) {
    EXPECT_EQ(tensor->dtype, GetParam());
  }
  for (const Tensor* tensor : {&a.rope_table, &a.router_logits, &a.expert_weights}) {
    EXPECT_EQ(tensor->dtype, DType::kF32);
  }
  EXPECT_EQ(a.expert_ids.dtype, DType::kI32);
  EXPECT_EQ(a.greedy_ids.dtype, DType::kI32);
}

TEST_P(ActivationsTest, BuffersAreAlignedAndApart) {
  for (const Shard shard : {Shard{0, 1}, Shard{0, 2}, Shard{4, 5}}) {
    const Activations a = allocate(shard);
    std::vector<std::pair<uintptr_t, uintptr_t>> places;
    for (const Tensor* tensor : all_of(a)) {
      const auto begin = reinterpret_cast<uintptr_t>(tensor->data);
      EXPECT_EQ(begin % 256, 0u);
      if (tensor->num_bytes() > 0) places.emplace_back(begin, begin + tensor->num_bytes());
    }
    std::ranges::sort(places);
    for (size_t i = 1; i < places.size(); ++i) EXPECT_LE(places[i - 1].second, places[i].first);
  }
}

TEST_P(ActivationsTest, RowsOfAFlatBufferAreItsBegin) {
  const Activations a = allocate({});
  const Tensor rows = first_rows(a.activated, 3, 20);
  EXPECT_EQ(rows.shape, (Shape{3, 20}));
  EXPECT_EQ(rows.data, a.activated.data);
  EXPECT_EQ(rows.dtype, GetParam());
}

}  // namespace
}  // namespace ernie
