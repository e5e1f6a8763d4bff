#include "checkpoint/name_map.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

const ModelConfig k21b = *preset_model_config("21b");

bool contains(const std::vector<StoredForm>& forms, const std::string& name, const Shape& shape,
              int64_t first_element, bool is_transposed) {
  for (const StoredForm& form : forms) {
    if (form.name == name && form.shape == shape && form.first_element == first_element &&
        form.is_transposed == is_transposed) {
      return true;
    }
  }
  return false;
}

TEST(ModelTensors, AreThoseOfThePublishedCheckpoint) {
  const auto tensors = model_tensors(k21b);
  EXPECT_EQ(tensors.size(), 5492u);
  int64_t f32 = 0, other = 0;
  for (const TensorSpec& tensor : tensors) {
    (tensor.is_float32 ? f32 : other) += tensor.shape.num_elements();
  }
  EXPECT_EQ(f32, 4'425'408);
  EXPECT_EQ(other, 21'821'012'480);
  EXPECT_EQ(model_tensors(*preset_model_config("0.3b")).size(), 2u + 18 * 9);
  ModelConfig untied = k21b;
  untied.tie_word_embeddings = false;
  EXPECT_EQ(model_tensors(untied).back().name, "lm_head.weight");
}

TEST(NameMap, StackedExperts) {
  const TensorSpec up{"model.layers.3.mlp.experts.5.up_proj.weight", {1536, 2560}, true};
  const auto forms = stored_forms(up, k21b, Layout::kHuggingFace);
  EXPECT_TRUE(contains(forms, up.name, {1536, 2560}, 0, false));
  EXPECT_TRUE(contains(forms, "model.layers.3.mlp.experts.gate_up_proj", {64, 3072, 2560},
                       int64_t{5} * 3072 * 2560 + 1536 * 2560, false));
  const TensorSpec down{"model.layers.3.mlp.experts.63.down_proj.weight", {2560, 1536}, true};
  EXPECT_TRUE(contains(stored_forms(down, k21b, Layout::kHuggingFace),
                       "model.layers.3.mlp.experts.down_proj", {64, 2560, 1536},
                       int64_t{63} * 2560 * 1536, false));
}

TEST(NameMap, CorrectionBiasInBothPlaces) {
  const TensorSpec bias{
      "model.layers.3.mlp.moe_statics.e_score_correction_bias", {64}, false, true};
  const auto forms = stored_forms(bias, k21b, Layout::kHuggingFace);
  const std::string under_gate = "model.layers.3.mlp.gate.moe_statics.e_score_correction_bias";
  EXPECT_TRUE(contains(forms, bias.name, {1, 64}, 0, false));
  EXPECT_TRUE(contains(forms, bias.name, {64}, 0, false));
  EXPECT_TRUE(contains(forms, under_gate, {1, 64}, 0, false));
  EXPECT_TRUE(contains(forms, under_gate, {64}, 0, false));
}

TEST(NameMap, PaddleColumns) {
  const TensorSpec v{"model.layers.0.self_attn.v_proj.weight", {512, 2560}};
  EXPECT_TRUE(contains(stored_forms(v, k21b, Layout::kPaddle),
                       "ernie.layers.0.self_attn.qkv_proj.weight", {2560, 3584}, 3072, true));
  const TensorSpec gate{"model.layers.1.mlp.shared_experts.gate_proj.weight", {3072, 2560}};
  EXPECT_TRUE(contains(stored_forms(gate, k21b, Layout::kPaddle),
                       "ernie.layers.1.mlp.shared_experts.up_gate_proj.weight", {2560, 6144}, 0,
                       true));
  const TensorSpec router{"model.layers.1.mlp.gate.weight", {64, 2560}, false, true};
  const auto forms = stored_forms(router, k21b, Layout::kPaddle);
  ASSERT_EQ(forms.size(), 1u);
  EXPECT_TRUE(contains(forms, "ernie.layers.1.mlp.gate.weight", {2560, 64}, 0, true));
  const TensorSpec embedding{"model.embed_tokens.weight", {103424, 2560}};
  EXPECT_TRUE(contains(stored_forms(embedding, k21b, Layout::kPaddle), "ernie.embed_tokens.weight",
                       {103424, 2560}, 0, false));
}

TEST(NameMap, KnowsWhatToLeaveAside) {
  ModelConfig config = k21b;
  EXPECT_EQ(ignored_kind("model.mtp_block.0.mlp.gate_proj.weight", config), IgnoredKind::kMtp);
  EXPECT_EQ(ignored_kind("lm_head.weight", config), IgnoredKind::kTiedHead);
  EXPECT_EQ(ignored_kind("model.layers.0.self_attn.rotary_emb.inv_freq", config),
            IgnoredKind::kDerivable);
  EXPECT_EQ(ignored_kind("model.layers.0.self_attn.q_norm.weight", config), IgnoredKind::kNone);
  config.tie_word_embeddings = false;
  EXPECT_EQ(ignored_kind("lm_head.weight", config), IgnoredKind::kNone);
}

}  // namespace
}  // namespace ernie
