// Every operation that a step of a model calls, as its description has it, on every device in every
// variant beside the reference: whole models, and the parts of ranks, empty ones among them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/registry.h"
#include "model/device_operands.h"
#include "model/model_operations.h"

namespace ernie::testing {
namespace {

/// Sums of a few hundred products in float32 lanes, relative to the largest value.
constexpr double kTolerance = 5e-6;

/// Every operation of the tiny model, whole and in parts, for decodes, prompts and chunks.
std::vector<Operation> all_operations() {
  ModelConfig config = *preset_model_config("tiny");
  std::vector<Operation> all;
  const auto add = [&](Shard shard, const std::vector<QuerySpan>& sequences, int64_t rows) {
    for (Operation& operation : model_operations(config, shard, sequences, rows)) {
      all.push_back(std::move(operation));
    }
  };
  for (const Shard shard : {Shard{0, 1}, Shard{1, 2}, Shard{2, 3}, Shard{7, 8}}) {
    add(shard, {{1, 33}, {1, 1}, {1, 17}}, 3);
    add(shard, {{5, 5}, {3, 20}}, 1);
  }
  return all;
}

class OperationTable : public ::testing::TestWithParam<DeviceInfo> {};

TEST_P(OperationTable, ComputesWhatTheReferenceDoes) {
  const auto device =
      make_backend(GetParam().name,
                   {.dtype = DType::kF32, .num_threads = 2, .isa = GetParam().variant})
          .value();
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF32}).value();
  for (const Operation& operation : all_operations()) {
    SCOPED_TRACE(fmt::format("{} ({}), {}", operation.name, operation.op, operation.shape));
    const DeviceOperands got(*device, operation), want(*oracle, operation);
    operation.call(*device, got.arguments());
    operation.call(*oracle, want.arguments());
    const auto got_values = got.values(), want_values = want.values();
    for (size_t i = 0; i < want_values.size(); ++i) {
      // What a fused operation leaves in its scratch is its own.
      if (operation.operands[i].num_touched == 0) continue;
      double largest = 1e-30, worst = 0;
      for (size_t j = 0; j < want_values[i].size(); ++j) {
        const double difference = std::abs(got_values[i][j] - want_values[i][j]);
        largest = std::max(largest, std::abs(want_values[i][j]));
        worst = difference <= worst ? worst : std::isnan(difference) ? INFINITY : difference;
      }
      const bool is_ids = operation.operands[i].kind == OperandKind::kIds;
      EXPECT_LE(worst / largest, is_ids ? 0 : kTolerance) << "operand " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OperationTable, ::testing::ValuesIn(devices()),
                         [](const auto& test) { return test.param.name + test.param.variant; });

TEST(OperationTable, NamesOfAStepAreUnique) {
  for (const Shard shard : {Shard{0, 1}, Shard{3, 8}}) {
    std::vector<std::string> names;
    for (const Operation& operation :
         model_operations(*preset_model_config("21b"), shard, {{1, 100}}, 1)) {
      names.push_back(operation.name);
    }
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  }
}

TEST(OperationTable, AnEighthOfTheModelIsAnEighthOfItsWork) {
  const ModelConfig config = *preset_model_config("21b");
  const auto arithmetic = [&](Shard shard, std::string_view name) {
    for (const Operation& operation : model_operations(config, shard, {{1, 100}}, 1)) {
      if (operation.name == name) return operation.arithmetic;
    }
    return 0.0;
  };
  for (const char* name : {"dense layer, gate and up", "shared expert, down", "output head"}) {
    EXPECT_DOUBLE_EQ(8 * arithmetic({0, 8}, name), arithmetic({0, 1}, name)) << name;
  }
  // 3 of 20 query heads and 1 of 4 key/value heads: 5 of 28 rows.
  EXPECT_DOUBLE_EQ(arithmetic({0, 8}, "qkv projection") / 5,
                   arithmetic({0, 1}, "qkv projection") / 28);
}

TEST(OperationTable, NamesAreInBothLanguages) {
  std::vector<Operation> all =
      model_operations(*preset_model_config("21b"), {}, {{1, 100}, {1, 7}}, 1);
  for (Operation& o : model_operations(*preset_model_config("21b"), {}, {{9, 9}}, 1)) {
    all.push_back(std::move(o));
  }
  for (PublishedOperation& p : published_operations()) all.push_back(std::move(p.operation));
  const auto is_ascii = [](const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
  };
  for (const Operation& o : all) {
    // These two are the same in both.
    const bool is_same = o.name == "RMSNorm" || o.name == "SiLU";
    EXPECT_EQ(o.name_zh.empty(), is_same) << o.name;
    EXPECT_TRUE(is_same || !is_ascii(o.name_zh)) << o.name_zh;
  }
}

TEST(PublishedOperations, AreEightTimingsAndFiveChecks) {
  std::vector<std::string> timed, checked;
  int num_with_throughput = 0;
  for (const auto& [operation, figure] : published_operations()) {
    (figure ? timed : checked).push_back(operation.name + ", " + operation.shape);
    if (!figure || figure->tokens_per_s == 0) continue;
    // Where a throughput was published, too, it must be that of our tokens in the published time.
    ++num_with_throughput;
    const double rate = static_cast<double>(operation.num_tokens) / figure->mean_ms * 1e3;
    EXPECT_NEAR(rate, figure->tokens_per_s, 0.001 * figure->tokens_per_s) << operation.name;
  }
  EXPECT_EQ(num_with_throughput, 2);
  EXPECT_EQ(timed,
            (std::vector<std::string>{
                "MatMul 2560 × 2560, 512 × 2560 → 2560", "MatMul 2560 × 12288, 512 × 2560 → 12288",
                "MatMul 1536 × 2560, 512 × 1536 → 2560", "MoE routing, 8192 × 64, top 6",
                "RMSNorm, 16 × 512 × 2560", "Attention, 8 × 512, 20/4 heads of 128, causal",
                "Linear, 64 × 2560 → 2560", "SiLU, 32 × 12288, with product"}));
  EXPECT_EQ(checked, (std::vector<std::string>{
                         "MatMul 12288 × 2560, 512 × 12288 → 2560", "RMSNorm, 4 × 16 × 2560",
                         "Attention, 2 × 32, 20 heads of 128, causal",
                         "MoE routing, 32 × 64, top 6", "Linear, 32 × 2560 → 2560"}));
}

}  // namespace
}  // namespace ernie::testing
