// What the suites hold, and that operands can be made and used on every device. Sizes are small.

#include <gtest/gtest.h>

#include <set>

#include "backend/backend_test_operations.h"
#include "backend/registry.h"
#include "bench/op_names.h"
#include "bench/op_runner.h"

namespace ernie::bench {
namespace {

const QkvLayout kLayout{.num_heads = 4, .num_kv_heads = 2, .head_dim = 8};

TEST(Suites, PublishedHasTheEightRows) {
  const std::vector<OpCase> cases = published_suite();
  std::vector<std::string> names;
  for (const OpCase& c : cases) {
    names.push_back(c.name);
    EXPECT_TRUE(c.published.has_value()) << c.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"MatMul 2560 × 2560", "MatMul 2560 × 12288",
                                             "MatMul 1536 × 2560", "MoE routing", "RMSNorm",
                                             "Attention", "Linear", "SiLU"}));
  // Tokens and mean time of the published rows agree with the throughput they were given with.
  EXPECT_NEAR(cases[3].tokens / (cases[3].published->mean_ms * 1e-3),
              cases[3].published->tokens_per_s, 0.001 * cases[3].published->tokens_per_s);
  EXPECT_NEAR(cases[5].tokens / (cases[5].published->mean_ms * 1e-3),
              cases[5].published->tokens_per_s, 0.001 * cases[5].published->tokens_per_s);
}

TEST(Suites, ModelHasEveryOperation) {
  std::set<std::string> ops;
  std::set<std::pair<std::string, std::string>> rows;
  for (const OpCase& c : model_suite(*preset_model_config("21b"))) {
    ops.insert(c.op);
    EXPECT_TRUE(rows.insert({c.name, c.shape}).second) << c.name << ", " << c.shape;
  }
  const std::vector<std::string> expected = interface_operations();
  EXPECT_EQ(ops, std::set<std::string>(expected.begin(), expected.end()));
}

TEST(Suites, NamesAreInBothLanguages) {
  std::vector<OpCase> cases = published_suite();
  for (OpCase& c : model_suite(*preset_model_config("21b"))) cases.push_back(std::move(c));
  for (const OpCase& c : cases) {
    const report::Text text = op_name_text(c.name);
    EXPECT_EQ(text.en, c.name);
    // "RMSNorm" and "SiLU" are the same in both.
    EXPECT_TRUE(!text.zh.empty() || c.name.find_first_of(" ,") == std::string::npos) << c.name;
  }
}

TEST(Suites, ADenseModelHasNoExperts) {
  for (const OpCase& c : model_suite(*preset_model_config("0.3b"))) {
    EXPECT_TRUE(c.op != "experts" && c.op != "route") << c.name;
  }
}

using Prepare = std::function<Result<PreparedOp>(OpFixtures&)>;
const std::vector<std::pair<std::string, Prepare>> kOperations = {
    {"embed", [](OpFixtures& f) { return f.embed(3, 40, 16); }},
    {"rms_norm", [](OpFixtures& f) { return f.rms_norm(3, 16); }},
    {"linear", [](OpFixtures& f) { return f.linear(3, 16, 24, MatrixUse::kLinear); }},
    {"router", [](OpFixtures& f) { return f.linear(3, 16, 8, MatrixUse::kRouter); }},
    {"rope_table", [](OpFixtures& f) { return f.rope_table(3, 8, 10000.0); }},
    {"rope", [](OpFixtures& f) { return f.rope(3, kLayout); }},
    {"store_kv", [](OpFixtures& f) { return f.store_kv(20, kLayout); }},
    {"attention",
     [](OpFixtures& f) {
       return f.attention({{1, 20}, {3, 3}}, kLayout);
     }},
    {"silu_mul", [](OpFixtures& f) { return f.silu_mul(3, 16); }},
    {"add", [](OpFixtures& f) { return f.add(3, 16); }},
    {"route", [](OpFixtures& f) { return f.route(3, 8, 2); }},
    {"experts", [](OpFixtures& f) { return f.experts(3, 8, 2, 16, 8); }},
    {"gather_rows", [](OpFixtures& f) { return f.gather_rows(3, 16); }}};

class Fixtures : public ::testing::TestWithParam<std::pair<std::string, DType>> {};

TEST_P(Fixtures, EveryOperationRunsOnCopiesThatFillTheWorkingSet) {
  constexpr size_t kWorkingSet = 16384;
  auto backend = make_backend(GetParam().first, {.dtype = GetParam().second, .num_threads = 2});
  ASSERT_TRUE(backend) << backend.error().message;
  OpFixtures fixtures(**backend, kWorkingSet, 1);
  for (const auto& [name, prepare] : kOperations) {
    const auto op = prepare(fixtures);
    ASSERT_TRUE(op) << name << ": " << op.error().message;
    // A call of experts touches a part of its weights.
    if (name != "experts") {
      EXPECT_GE(static_cast<double>(op->num_copies) * op->cost.bytes, kWorkingSet) << name;
    }
    EXPECT_GT(op->cost.bytes, 0) << name;
    for (int64_t i = 0; i < op->num_copies + 2; ++i) op->call(i);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Fixtures,
                         ::testing::Values(std::pair("cpu", DType::kBF16),
                                           std::pair("cpu", DType::kF32),
                                           std::pair("reference", DType::kBF16)),
                         [](const auto& device) {
                           return device.param.first + std::string(dtype_name(device.param.second));
                         });

TEST(Fixtures, WeightBytesAreThoseOfTheDevice) {
  for (const auto& [dtype, weight_bytes] : {std::pair(DType::kBF16, 2), {DType::kF32, 4}}) {
    auto backend = make_backend("cpu", {.dtype = dtype, .num_threads = 1});
    OpFixtures fixtures(**backend, 1, 1);
    const auto op = fixtures.linear(1, 64, 32, MatrixUse::kLinear);
    EXPECT_DOUBLE_EQ(op->cost.bytes, 64 * 32 * weight_bytes + (64 + 32) * 4);
    const auto router = fixtures.linear(1, 64, 32, MatrixUse::kRouter);
    EXPECT_DOUBLE_EQ(router->cost.bytes, 64 * 32 * 4 + (64 + 32) * 4);
  }
}

}  // namespace
}  // namespace ernie::bench
