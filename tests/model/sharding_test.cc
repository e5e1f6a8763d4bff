// A model in parts, a thread for each rank, against the whole one: the same greedy tokens, logits
// within the budget of docs/numerics.md, and the same bits on every rank.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "model/model_harness.h"
#include "model/model_shape.h"
#include "model/thread_communicator.h"

namespace ernie::testing {
namespace {

using verify::model::ModelProbe;
using verify::model::ProbeOptions;

constexpr int64_t kPromptTokens = 21, kChunk = 8;
constexpr int kGreedyTokens = 24;
constexpr int kRankCounts[] = {1, 2, 3, 8};

/// Of a prompt and what follows it greedily.
struct Run {
  std::vector<int32_t> tokens;
  std::vector<double> logits;  // of every step, one behind another
};

void append(Run& run, const Values& logits) {
  run.logits.insert(run.logits.end(), logits.data.begin(), logits.data.end());
}

int32_t likeliest(std::span<const double> row) {
  return static_cast<int32_t>(std::ranges::max_element(row) - row.begin());
}

Run generate(const WeightSource& weights, const std::string& device, const BackendOptions& options,
             Communicator* communicator) {
  const auto probe = ModelProbe::open(weights, make_backend(device, options).value(),
                                      {.max_tokens = 64,
                                       .max_context_tokens = 64,
                                       .block_size = 4,
                                       .communicator = communicator})
                         .value();
  Run run;
  const auto ids = random_ids(kPromptTokens, probe->config().vocab_size, 5);
  Values last;
  for (int64_t begin = 0; begin < kPromptTokens; begin += kChunk) {
    const int64_t end = std::min(kPromptTokens, begin + kChunk);
    const std::vector<int32_t> part(ids.begin() + begin, ids.begin() + end);
    last = probe->run({{0, part, positions_from(begin, end - begin)}}).value();
    append(run, last);
  }
  for (int i = 0; i < kGreedyTokens; ++i) {
    run.tokens.push_back(likeliest(last.row(last.rows - 1)));
    last = probe->run({{0, {run.tokens.back()}, positions_from(kPromptTokens + i, 1)}}).value();
    append(run, last);
  }
  return run;
}

std::vector<Run> generate_sharded(const WeightSource& weights, const std::string& device,
                                  const BackendOptions& options, int size) {
  ThreadRanks ranks(size);
  std::vector<Run> runs(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCommunicator communicator(ranks, rank);
      runs[static_cast<size_t>(rank)] = generate(weights, device, options, &communicator);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return runs;
}

/// Largest difference, relative to the range of the true values.
double logits_error(const Run& got, const Run& want) {
  const auto [min, max] = std::ranges::minmax(want.logits);
  double worst = 0;
  for (size_t i = 0; i < want.logits.size(); ++i) {
    worst = std::max(worst, std::abs(got.logits[i] - want.logits[i]));
  }
  return worst / (max - min);
}

void expect_shards_agree(const WeightSource& weights, const std::string& device,
                         const BackendOptions& options, double budget) {
  const Run whole = generate(weights, device, options, nullptr);
  for (const int size : kRankCounts) {
    SCOPED_TRACE(fmt::format("{} ranks on {}", size, device));
    const std::vector<Run> runs = generate_sharded(weights, device, options, size);
    EXPECT_EQ(runs[0].tokens, whole.tokens);
    ASSERT_EQ(runs[0].logits.size(), whole.logits.size());
    EXPECT_LE(logits_error(runs[0], whole), size == 1 ? 0 : budget);
    for (const Run& run : runs) {
      EXPECT_EQ(run.tokens, runs[0].tokens);
      EXPECT_EQ(
          std::memcmp(run.logits.data(), runs[0].logits.data(), run.logits.size() * sizeof(double)),
          0)
          << "another rank has other bits";
    }
  }
}

class Sharding : public ::testing::TestWithParam<std::string> {};

// docs/numerics.md, "Several ranks".
constexpr double kFloat32Budget = 2e-6;

TEST_P(Sharding, GivesTheTokensOfTheWholeModel) {
  const auto weights = open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/" + GetParam()).value();
  const BackendOptions options{.dtype = DType::kF32, .num_threads = 1};
  expect_shards_agree(*weights, "cpu", options, kFloat32Budget);
  expect_shards_agree(*weights, "reference", options, kFloat32Budget);
}

INSTANTIATE_TEST_SUITE_P(Golden, Sharding,
                         ::testing::Values("moe_shared", "moe_no_shared", "moe_interval2",
                                           "dense_head_dim", "moe_untied", "moe_shared_fused",
                                           "moe_shared_sharded", "moe_shared_paddle"),
                         [](const auto& test) { return test.param; });

/// The head counts and the experts of the 21B model, other sizes small.
ModelConfig many_heads() {
  ModelConfig config = *preset_model_config("tiny");
  config.num_heads = 20;
  config.num_kv_heads = 4;
  config.head_dim = 16;
  config.num_experts = 64;
  config.experts_per_token = 6;
  config.dtype = DType::kF32;
  return config;
}

TEST(ShardingOfTheLargeShape, GivesTheTokensOfTheWholeModel) {
  for (const uint64_t seed : {1, 2, 3}) {
    const auto weights = make_dummy_weights(many_heads(), seed);
    const BackendOptions options{.dtype = DType::kF32, .num_threads = 1};
    expect_shards_agree(*weights, "cpu", options, kFloat32Budget);
  }
}

TEST(ThreadCommunicator, EveryRankSeesWhatTheOthersBrought) {
  constexpr int kRanks = 3;
  ThreadRanks ranks(kRanks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&ranks, rank] {
      ThreadCommunicator communicator(ranks, rank);
      float sum[] = {1.0f + static_cast<float>(rank), 0.5f};
      communicator.all_reduce({sum, DType::kF32, {2}});
      EXPECT_EQ(sum[0], 6.0f);
      EXPECT_EQ(sum[1], 1.5f);
      int32_t id[] = {rank};
      communicator.broadcast({id, DType::kI32, {1}}, 2);
      EXPECT_EQ(id[0], 2);
      // Parts of unequal width: 0, 1 and 2 columns.
      std::vector<float> part(static_cast<size_t>(2 * rank), static_cast<float>(rank));
      float all[6] = {};
      communicator.all_gather({part.data(), DType::kF32, {2, rank}}, {all, DType::kF32, {2, 3}});
      EXPECT_EQ((std::vector<float>(all, all + 6)), (std::vector<float>{1, 2, 2, 1, 2, 2}));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ernie::testing
