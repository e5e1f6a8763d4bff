#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "base/rng.h"
#include "checkpoint/checkpoint.h"

namespace ernie {
namespace {

struct Moments {
  double mean = 0;
  double stddev = 0;
};

Moments moments_of(const HostMatrix& matrix) {
  const HostTensor tensor = matrix.to_tensor(DType::kF32);
  const int64_t count = matrix.num_elements();
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double value = load_float(tensor.dtype(), tensor.data(), i);
    sum += value;
    squares += value * value;
  }
  const double n = static_cast<double>(count), mean = sum / n;
  return {mean, std::sqrt(squares / n - mean * mean)};
}

TEST(DummyWeights, AreAFunctionOfSeedAndName) {
  const ModelConfig config = *preset_model_config("tiny");
  const auto a = make_dummy_weights(config, 1), b = make_dummy_weights(config, 1);
  const auto c = make_dummy_weights(config, 2);
  const auto values = [](const WeightSource& source, const std::string& name) {
    const HostTensor tensor = source.read(name)->to_tensor(DType::kBF16);
    const auto span = tensor.values<bf16>();
    return std::vector<bf16>(span.begin(), span.end());
  };
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const std::string o = "model.layers.0.self_attn.o_proj.weight";
  EXPECT_EQ(values(*a, q), values(*b, q));
  EXPECT_NE(values(*a, q), values(*c, q));
  EXPECT_NE(values(*a, q), values(*a, o));
  EXPECT_FALSE(a->read("lm_head.weight"));
}

TEST(DummyWeights, HaveTypesAndScales) {
  ModelConfig config = *preset_model_config("tiny");
  config.dtype = DType::kF16;
  const auto weights = make_dummy_weights(config, 3);
  const std::string layer = "model.layers.1.";
  EXPECT_EQ(weights->read(layer + "mlp.gate.weight")->format().name, "F32");
  EXPECT_EQ(weights->read(layer + "mlp.experts.0.up_proj.weight")->format().name, "F16");
  const Moments norm = moments_of(*weights->read(layer + "input_layernorm.weight"));
  EXPECT_NEAR(norm.mean, 1.0, 0.05);
  EXPECT_NEAR(norm.stddev, 0.1, 0.05);
  const Moments q = moments_of(*weights->read(layer + "self_attn.q_proj.weight"));
  EXPECT_NEAR(q.mean, 0.0, 0.01);
  EXPECT_NEAR(q.stddev, 1.0 / 8.0, 0.01);
  EXPECT_NEAR(moments_of(*weights->read("model.embed_tokens.weight")).stddev, 0.25, 0.01);
  EXPECT_GT(moments_of(*weights->read(layer + "mlp.moe_statics.e_score_correction_bias")).stddev,
            1e-3);
}

/// Softmax of the router logits of one random normalised token.
std::vector<double> route(const HostTensor& router, uint64_t token) {
  const int64_t num_experts = router.dim(0), hidden = router.dim(1);
  std::vector<double> p(static_cast<size_t>(num_experts));
  for (int64_t e = 0; e < num_experts; ++e) {
    double logit = 0;
    for (int64_t h = 0; h < hidden; ++h) {
      const float x = philox_normal(99, token, static_cast<uint64_t>(h))[0];
      logit += static_cast<double>(x) * router.values<float>()[static_cast<size_t>(e * hidden + h)];
    }
    p[static_cast<size_t>(e)] = std::exp(logit);
  }
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= sum;
  return p;
}

TEST(DummyWeights, RoutingIsPeakedPerTokenAndSpreadOverTokens) {
  const ModelConfig config = *preset_model_config("tiny");
  const auto weights = make_dummy_weights(config, 0);
  const HostTensor router = weights->read("model.layers.1.mlp.gate.weight")->to_tensor(DType::kF32);
  constexpr int kTokens = 2000;
  std::vector<int> num_first(static_cast<size_t>(config.num_experts));
  double largest = 0;
  for (int token = 0; token < kTokens; ++token) {
    const auto p = route(router, static_cast<uint64_t>(token));
    const auto best = std::max_element(p.begin(), p.end());
    largest += *best / kTokens;
    ++num_first[static_cast<size_t>(best - p.begin())];
  }
  EXPECT_GT(largest, 0.5);
  for (const int count : num_first) EXPECT_GT(count, kTokens / 40);
}

TEST(DummyWeights, LargeTensorsDoNotDependOnThreads) {
  ModelConfig config = *preset_model_config("tiny");
  config.vocab_size = 40'000;
  const auto weights = make_dummy_weights(config, 5);
  const HostMatrix table = *weights->read("model.embed_tokens.weight");
  config.vocab_size = 100;
  const HostMatrix start = *make_dummy_weights(config, 5)->read("model.embed_tokens.weight");
  EXPECT_EQ(std::memcmp(start.row(0), table.row(0), start.num_bytes()), 0);
  std::set<std::string> rows;
  for (int64_t i = 0; i < table.num_rows(); ++i) {
    rows.emplace(reinterpret_cast<const char*>(table.row(i)), table.row_bytes());
  }
  EXPECT_EQ(rows.size(), 40'000u) << "the stream repeats itself";
  const Moments tail = moments_of(table.rows(39'000, 40'000));
  EXPECT_NEAR(tail.mean, 0.0, 0.01);
  EXPECT_NEAR(tail.stddev, 0.25, 0.01);
}

}  // namespace
}  // namespace ernie
