// The verification of operations, verified: it passes on the devices there are, turns red on every
// known fault, and says where.

#include "verify/ops/suite.h"

#include <gtest/gtest.h>

#include <set>

#include "backend/backend_test_operations.h"
#include "verify/faults/host_kernels.h"
#include "verify/ops/injection.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/summary.h"

namespace ernie::verify::ops {
namespace {

std::string failures_of(const SuiteResults& results) {
  std::string text;
  for (const OperationResults& op : results.operations) {
    for (const CaseResult& c : op.cases) {
      if (c.failures.empty()) continue;
      text += fmt::format("{} {}; {}; seed {}: {}\n", c.op, c.shape, c.input.text(), c.seed,
                          c.failures[0]);
    }
  }
  return text;
}

struct Configuration {
  std::string device;
  DType dtype;
  std::string isa;
};

std::vector<Configuration> configurations() {
  std::vector<Configuration> all;
  for (const DeviceInfo& info : devices()) {
    all.push_back({info.name, DType::kF32, info.variant});
    all.push_back({info.name, DType::kBF16, info.variant});
  }
  return all;
}

class Verification : public ::testing::TestWithParam<Configuration> {
 protected:
  SuiteOptions options(uint64_t seed) const {
    return {.device = GetParam().device,
            .backend = {.dtype = GetParam().dtype, .isa = GetParam().isa},
            .suite = Suite::kFaults,
            .seed = seed,
            .num_workers = 2};
  }
};

// Fresh data in each round, and none of them may raise an alarm.
TEST_P(Verification, CatchesEveryFaultWithoutAFalseAlarm) {
  for (const uint64_t seed : {11, 12}) {
    const auto results = run_injection(options(seed));
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_GE(results->num_applicable(), 62);
    for (const FaultResult& fault : results->faults) {
      EXPECT_TRUE(fault.caught() || !fault.applies)
          << "seed " << seed << ", " << fault.fault->op << ": " << fault.fault->name.en;
    }
    EXPECT_GT(results->num_control_cases, 200);
    for (const CaseResult& alarm : results->false_alarms) {
      ADD_FAILURE() << "seed " << seed << ", " << alarm.op << " " << alarm.shape << "; "
                    << alarm.input.text() << ": " << alarm.failures[0];
    }
  }
}

TEST_P(Verification, TheCanaryIsCaught) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const auto canary = run_canary(options(seed));
    ASSERT_TRUE(canary) << canary.error().message;
    EXPECT_TRUE(canary->caught()) << canary->fault->op << ": " << canary->fault->name.en;
    seen.insert(canary->fault->name.en);
  }
  EXPECT_GT(seen.size(), 2u);  // not always the same one
}

INSTANTIATE_TEST_SUITE_P(, Verification, ::testing::ValuesIn(configurations()),
                         [](const auto& test) {
                           return test.param.device + std::string(dtype_name(test.param.dtype)) +
                                  test.param.isa;
                         });

TEST(ModelShapes, SizesAreThoseOfThePreset) {
  const ModelConfig config = *preset_model_config("21b");
  EXPECT_EQ(kHidden, config.hidden_size);
  EXPECT_EQ(kHeads, config.num_heads);
  EXPECT_EQ(kKvHeads, config.num_kv_heads);
  EXPECT_EQ(kHeadDim, config.head_dim);
  EXPECT_EQ(kDense, config.intermediate_size);
  EXPECT_EQ(kExpertWidth, config.moe_intermediate_size);
  EXPECT_EQ(kSharedWidth, config.shared_intermediate_size());
  EXPECT_EQ(kExperts, config.num_experts);
  EXPECT_EQ(kChosenExperts, config.experts_per_token);
  EXPECT_EQ(kVocabulary, config.vocab_size);
  EXPECT_EQ(kMaxPosition, config.max_position_embeddings);
  EXPECT_EQ(kRopeTheta, config.rope_theta);
  EXPECT_EQ(kNormEps, config.norm_eps);
  EXPECT_EQ(kMoeNormMin, config.moe_norm_min);
}

// 20 query and 4 key/value heads over 2, 4 and 8 ranks.
TEST(ModelShapes, ShardsAreThoseOfTheModel) {
  const std::vector<QkvLayout> want{{10, 2, 128}, {5, 1, 128}, {3, 1, 128}, {2, 1, 128}};
  const std::vector<QkvLayout>& got = shard_layouts();
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].num_heads, want[i].num_heads) << i;
    EXPECT_EQ(got[i].num_kv_heads, want[i].num_kv_heads) << i;
    EXPECT_EQ(got[i].head_dim, want[i].head_dim) << i;
  }
}

// What a step calls and nobody verifies would be a hole.
TEST(ModelShapes, EveryCallOfTheModelHasCases) {
  for (const Operation& call : model_operations(*preset_model_config("21b"), {}, {{1, 9}}, 1)) {
    const auto is_it = [&](const OperationCases& o) { return o.name == call.op; };
    const auto found = std::ranges::find_if(operations(), is_it);
    ASSERT_NE(found, operations().end()) << call.op;
    EXPECT_FALSE(found->groups({.suite = Suite::kModel}).empty()) << call.op;
  }
}

TEST(ModelShapes, PublishedChecksHaveTheirSequences) {
  const std::vector<Operation> checks = published_checks("attention");
  ASSERT_EQ(checks.size(), 1u);
  const std::vector<QuerySpan> sequences = sequences_of(checks[0]);
  ASSERT_EQ(sequences.size(), 2u);
  for (const QuerySpan& s : sequences) EXPECT_EQ(s.num_queries * 1000 + s.context_len, 32'032);
  EXPECT_EQ(layout_of(checks[0]).num_heads, 20);
  EXPECT_EQ(layout_of(checks[0]).num_kv_heads, 20);
}

TEST(OpsSuite, ResultsDependOnThePlanAlone) {
  SuiteOptions options{.backend = {.dtype = DType::kF32}, .suite = Suite::kFaults, .seed = 5};
  const auto text = [&](int workers) {
    options.num_workers = workers;
    const auto results = run_suite(options).value();
    std::string all;
    for (const OperationResults& op : results.operations) {
      for (const CaseResult& c : op.cases) {
        all += fmt::format("{} {} {} {} {}\n", c.op, c.shape, c.input.text(), c.seed, c.error.emax);
      }
    }
    return all;
  };
  const std::string one = text(1);
  EXPECT_GT(one.size(), 1000u);
  EXPECT_EQ(one, text(3));
}

TEST(OpsSuite, ThePublishedCasesPassAndDiffer) {
  const SuiteOptions options{.backend = {.dtype = DType::kBF16}, .suite = Suite::kPublished};
  const auto results = run_suite(options).value();
  EXPECT_EQ(results.num_cases(), 5);
  EXPECT_EQ(results.num_failed(), 0) << failures_of(results);
  for (const OperationResults& op : results.operations) {
    for (const CaseResult& c : op.cases) {
      EXPECT_GT(c.error.max_abs, 0)
          << op.op << " " << c.shape;  // a difference of zero would be a lie
    }
  }
}

TEST(OpsSuite, NamesAnUnknownOperation) {
  const auto results = run_suite({.operations = {"linaer"}});
  ASSERT_FALSE(results);
  EXPECT_NE(results.error().message.find("--op: got \"linaer\", expected one of embed, "),
            std::string::npos)
      << results.error().message;
}

TEST(OpsSuite, EveryOperationOfTheInterfaceIsVerified) {
  const std::vector<std::string> expected = interface_operations();
  std::vector<std::string> ops;
  for (const OperationCases& operation : operations()) ops.emplace_back(operation.name);
  ASSERT_GE(ops.size(), expected.size());
  ops.resize(expected.size());  // behind them stands what the engine does on the host
  EXPECT_EQ(ops, expected);
}

TEST(OpsSuite, EveryOperationHasAFaultAndEveryFaultAnOperation) {
  std::set<std::string_view> ops, with_fault;
  for (const OperationCases& operation : operations()) ops.insert(operation.name);
  for (const Fault& fault : faults()) with_fault.insert(fault.op);
  EXPECT_EQ(ops, with_fault);
}

TEST(OpsRun, AnEmptyRunHasNotPassed) {
  OpsRun run;
  EXPECT_FALSE(run.passed());
  run.configurations.emplace_back();
  run.configurations[0].canary.num_red = 1;
  EXPECT_FALSE(run.passed());  // no case
  run.configurations[0].suite.operations = {{"add", {CaseResult{.op = "add"}}}};
  EXPECT_TRUE(run.passed());
  run.configurations[0].canary.num_red = 0;
  EXPECT_FALSE(run.passed());  // a canary that was not noticed
}

TEST(WorstOf, PrefersAFailedCase) {
  CaseResult good{.op = "add", .input = {"normal", "a"}, .tolerance = {2, 0.5}};
  good.error.emax = 1.9;
  CaseResult bad = good;
  bad.input = {"spike, steep", "b"};
  bad.error.emax = 0.1;
  bad.failures = {"threads"};
  const OperationResults results{"add", {good, bad, good}};
  const Worst worst = worst_of(results);
  EXPECT_EQ(worst.num_failed, 1);
  EXPECT_EQ(worst.worst, &results.cases[1]);
  EXPECT_DOUBLE_EQ(worst.emax_share, 0.95);
  const std::vector<Worst> inputs = worst_by_input(results);
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[0].name, "normal");
  EXPECT_EQ(inputs[0].num_cases, 2);
  EXPECT_EQ(inputs[1].name, "spike, steep");
}

TEST(HostKernels, TruncationIsTowardsZero) {
  EXPECT_EQ(host::truncated_to(DType::kBF16, 1 + 0x1.8p-7), 1 + 0x1p-7);
  EXPECT_EQ(host::truncated_to(DType::kBF16, -(1 + 0x1.fp-7)), -(1 + 0x1p-7));
  EXPECT_EQ(host::truncated_to(DType::kBF16, 2 - 0x1p-9), 2 - 0x1p-7);  // would round up to 2
  EXPECT_EQ(host::truncated_to(DType::kF32, 0.5), 0.5);
}

}  // namespace
}  // namespace ernie::verify::ops
