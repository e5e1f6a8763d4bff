// Which tensors a model, a part of it or one that streams its layers reads, and that no failure to
// read one is lost.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"

namespace ernie {
namespace {

/// Random weights that count how often each is read, and one of which cannot be.
class WatchedWeights : public WeightSource {
 public:
  explicit WatchedWeights(const ModelConfig& config) : weights_(make_dummy_weights(config, 0)) {}
  const ModelConfig& config() const override { return weights_->config(); }
  std::string describe() const override { return "watched"; }
  Result<HostMatrix> read(const std::string& name) const override {
    ++num_reads_[name];
    if (name == broken_) return make_error(ErrorCode::kIo, "{}: the disk is broken", name);
    return weights_->read(name);
  }

  std::string broken_;
  mutable std::map<std::string, int> num_reads_;

 private:
  std::unique_ptr<WeightSource> weights_;
};

/// A rank that never talks to the others: loading needs no words.
class SilentRank : public Communicator {
 public:
  explicit SilentRank(Shard shard) : shard_(shard) {}
  Shard shard() const override { return shard_; }
  void all_reduce(const Tensor&) override {}
  void all_gather(const Tensor&, const Tensor&) override {}
  void broadcast(const Tensor&, int) override {}

 private:
  Shard shard_;
};

class ModelLoading : public ::testing::Test {
 protected:
  static ModelConfig untied() {
    ModelConfig config = *preset_model_config("tiny");
    config.tie_word_embeddings = false;
    return config;
  }
  Result<std::unique_ptr<Model>> load(const ModelLimits& limits,
                                      const LoadProgress& progress = {}) {
    weights_.num_reads_.clear();
    return Model::load(weights_, *backend_, limits, progress);
  }

  WatchedWeights weights_{untied()};
  std::unique_ptr<Backend> backend_ =
      make_backend("reference", {.dtype = DType::kF32, .num_threads = 1}).value();
  ModelLimits limits_{.max_tokens = 4, .max_logit_rows = 2};
};

TEST_F(ModelLoading, EveryTensorIsReadOnce) {
  const auto model = load(limits_);
  ASSERT_TRUE(model) << model.error().message;
  for (const TensorSpec& tensor : model_tensors(weights_.config())) {
    EXPECT_EQ(weights_.num_reads_[tensor.name], 1) << tensor.name;
  }
  EXPECT_EQ(weights_.num_reads_.size(), model_tensors(weights_.config()).size());
}

TEST_F(ModelLoading, WhicheverTensorCannotBeReadIsTheError) {
  for (const TensorSpec& tensor : model_tensors(weights_.config())) {
    weights_.broken_ = tensor.name;
    const auto model = load(limits_);
    ASSERT_FALSE(model) << tensor.name;
    EXPECT_EQ(model.error().code, ErrorCode::kIo);
    EXPECT_EQ(model.error().message, tensor.name + ": the disk is broken");
  }
}

TEST_F(ModelLoading, ProgressCountsTheLayersThatAreReady) {
  std::vector<int64_t> told, expected;
  ASSERT_TRUE(load(limits_, [&](int64_t num_ready) { told.push_back(num_ready); }));
  for (int64_t i = 1; i <= weights_.config().num_layers; ++i) expected.push_back(i);
  EXPECT_EQ(told, expected);
  told.clear();
  weights_.broken_ = "model.layers.1.input_layernorm.weight";
  EXPECT_FALSE(load(limits_, [&](int64_t num_ready) { told.push_back(num_ready); }));
  EXPECT_EQ(told, (std::vector<int64_t>{1}));
}

TEST_F(ModelLoading, AModelThatStreamsLeavesItsLayersForLater) {
  limits_.stream_layers = true;
  std::vector<int64_t> told;
  ASSERT_TRUE(load(limits_, [&](int64_t num_ready) { told.push_back(num_ready); }));
  std::set<std::string> read;
  for (const auto& [name, count] : weights_.num_reads_) read.insert(name);
  EXPECT_EQ(read, (std::set<std::string>{"model.embed_tokens.weight", "model.norm.weight",
                                         "lm_head.weight"}));
  EXPECT_TRUE(told.empty());
}

TEST_F(ModelLoading, ALayerThatCannotBeStreamedEndsTheForward) {
  limits_.stream_layers = true;
  const auto model = load(limits_);
  ASSERT_TRUE(model);
  const ModelConfig& c = weights_.config();
  const auto cache =
      backend_->allocate_kv_cache({c.num_layers, 1, 4, c.num_kv_heads, c.head_dim}).value();
  const auto memory = backend_->allocate(64).value();
  auto* zeros = static_cast<int32_t*>(memory.get());  // the first token, place and slot
  Batch batch;
  batch.token_ids = batch.positions = batch.slot_mapping = {zeros, DType::kI32, {1}};
  weights_.broken_ = "model.layers.0.input_layernorm.weight";
  const auto hidden = (*model)->forward(batch, *cache);
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().message, weights_.broken_ + ": the disk is broken");
}

TEST_F(ModelLoading, ARankReadsNoExpertsOfOthers) {
  const int64_t num_experts = weights_.config().num_experts;
  const std::string moe =
      fmt::format("model.layers.{}.mlp.experts.", weights_.config().moe_layer_start);
  for (int rank = 0; rank < 2; ++rank) {
    SilentRank silent({rank, 2});
    limits_.communicator = &silent;
    const auto model = load(limits_);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ((*model)->shape().experts.size(), num_experts / 2);
    for (int64_t e = 0; e < num_experts; ++e) {
      const bool is_own = (e < num_experts / 2) == (rank == 0);
      const std::string name = fmt::format("{}{}.up_proj.weight", moe, e);
      EXPECT_EQ(weights_.num_reads_.contains(name), is_own) << name << " on rank " << rank;
    }
  }
}

}  // namespace
}  // namespace ernie
