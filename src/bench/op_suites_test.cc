// What the suites hold, and that operands can be made and used on every device. Sizes are small.

#include <gtest/gtest.h>

#include <set>

#include "backend/backend_test_operations.h"
#include "backend/registry.h"
#include "bench/op_runner.h"
#include "bench/operand_maker.h"

namespace ernie::bench {
namespace {

TEST(Suites, PublishedHasWhatWasTimed) {
  const std::vector<OpCase> cases = published_suite();
  EXPECT_EQ(cases.size(), 8u);
  for (const OpCase& c : cases) EXPECT_TRUE(c.published.has_value()) << c.operation.name;
}

TEST(Suites, ModelHasEveryOperation) {
  std::set<std::string> ops;
  std::set<std::pair<std::string, std::string>> rows;
  for (const OpCase& c : model_suite(*preset_model_config("21b"))) {
    ops.insert(std::string(c.operation.op));
    EXPECT_TRUE(rows.insert({c.operation.name, c.operation.shape}).second)
        << c.operation.name << ", " << c.operation.shape;
  }
  const std::vector<std::string> expected = interface_operations();
  EXPECT_EQ(ops, std::set<std::string>(expected.begin(), expected.end()));
}

TEST(Suites, CasesOfANameStandTogether) {
  std::set<std::string> ended;
  std::string last;
  for (const OpCase& c : model_suite(*preset_model_config("21b"))) {
    if (c.operation.name == last) continue;
    EXPECT_TRUE(ended.insert(last).second) << last;
    EXPECT_FALSE(ended.contains(c.operation.name)) << c.operation.name;
    last = c.operation.name;
  }
}

TEST(Suites, ADenseModelHasNoExperts) {
  for (const OpCase& c : model_suite(*preset_model_config("0.3b"))) {
    EXPECT_TRUE(c.operation.op != "experts" && c.operation.op != "route") << c.operation.name;
  }
}

/// Every operation at small sizes.
std::vector<Operation> small_operations() {
  ModelConfig config = *preset_model_config("tiny");
  std::vector<Operation> all = model_operations(config, {}, {{1, 20}, {3, 3}}, 2);
  for (Operation& operation : model_operations(config, {1, 2}, {{2, 2}}, 1)) {
    all.push_back(std::move(operation));
  }
  return all;
}

class Operands : public ::testing::TestWithParam<std::pair<std::string, DType>> {};

TEST_P(Operands, EveryOperationRunsOnCopiesThatFillTheWorkingSet) {
  constexpr size_t kWorkingSet = 16384;
  auto backend = make_backend(GetParam().first, {.dtype = GetParam().second, .num_threads = 2});
  ASSERT_TRUE(backend) << backend.error().message;
  OperandMaker maker(**backend, kWorkingSet, 1);
  for (const Operation& operation : small_operations()) {
    const auto op = maker.prepare(operation);
    ASSERT_TRUE(op) << operation.name << ": " << op.error().message;
    // A call of experts touches a part of its weights.
    if (operation.op != "experts") {
      EXPECT_GE(static_cast<double>(op->num_copies) * op->cost.bytes, kWorkingSet)
          << operation.name;
    }
    EXPECT_GT(op->cost.bytes, 0) << operation.name;
    for (int64_t i = 0; i < op->num_copies + 2; ++i) op->call(i);
    ASSERT_TRUE((*backend)->synchronize());
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Operands,
                         ::testing::Values(std::pair("cpu", DType::kBF16),
                                           std::pair("cpu", DType::kF32),
                                           std::pair("reference", DType::kBF16)),
                         [](const auto& device) {
                           return device.param.first + std::string(dtype_name(device.param.second));
                         });

TEST(Operands, WeightBytesAreThoseOfTheDevice) {
  for (const auto& [dtype, weight_bytes] : {std::pair(DType::kBF16, 2), {DType::kF32, 4}}) {
    auto backend = make_backend("cpu", {.dtype = dtype, .num_threads = 1});
    OperandMaker maker(**backend, 1, 1);
    const auto op = maker.prepare(linear_operation(1, 64, 32, MatrixUse::kLinear));
    EXPECT_DOUBLE_EQ(op->cost.bytes, 64 * 32 * weight_bytes + (64 + 32) * 4);
    const auto router = maker.prepare(linear_operation(1, 64, 32, MatrixUse::kRouter));
    EXPECT_DOUBLE_EQ(router->cost.bytes, 64 * 32 * 4 + (64 + 32) * 4);
  }
}

}  // namespace
}  // namespace ernie::bench
