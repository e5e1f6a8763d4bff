// No step of the model runner allocates once the largest batch was computed, with logits and with
// likeliest tokens: whatever sequences it has, however long their contexts have become.

#include <gtest/gtest.h>

#include "allocation/variants.h"
#include "checkpoint/checkpoint.h"
#include "engine/model_runner.h"

namespace ernie::testing {
namespace {

constexpr int64_t kMaxTokens = 24, kMaxSeqs = 3, kMaxLen = 256, kBlockSize = 8;

enum class Wanted { kNothing, kLogits, kLikeliest, kAllLogits };

/// A model of the tiny preset with everything that a step needs, and three sequences.
class Runner {
 public:
  Runner(const Variant& variant, bool has_experts) : backend_(variant.make()) {
    ModelConfig config = *preset_model_config("tiny");
    if (!has_experts) config.num_experts = config.experts_per_token = 0;
    const ModelLimits limits{.max_tokens = kMaxTokens, .max_logit_rows = 4};
    model_ = Model::load(*make_dummy_weights(config, 1), *backend_, limits).value();
    const KvCacheShape shape{config.num_layers, blocks_.num_blocks(), kBlockSize,
                             config.num_kv_heads, config.head_dim};
    runner_ = ModelRunner::create(*backend_, *model_, backend_->allocate_kv_cache(shape).value(),
                                  {kMaxSeqs, kMaxLen, limits})
                  .value();
    for (int s = 0; s < kMaxSeqs; ++s) {
      sequences_.emplace_back(s, GenerationRequest{prompt(s), {}}, BlockTable(blocks_, kBlockSize));
      // Blocks and tokens are the scheduler's business.
      EXPECT_TRUE(sequences_.back().blocks().reserve(kMaxLen));
    }
  }

  /// The allocations of a step of so many next tokens of each sequence.
  int64_t allocations_in_step(const std::vector<int64_t>& num_tokens, Wanted wanted) {
    std::vector<ScheduledSequence> step;
    std::vector<LogitsRow> rows;
    for (size_t s = 0; s < num_tokens.size(); ++s) {
      if (num_tokens[s] == 0) continue;
      Sequence& sequence = sequences_[s];
      const int64_t begin = sequence.num_computed_tokens(), end = begin + num_tokens[s];
      for (int64_t i = begin; i < end; ++i) {
        const bool is_wanted = i == end - 1 || wanted == Wanted::kAllLogits;
        if (!is_wanted || wanted == Wanted::kNothing) continue;
        rows.push_back({step.size(), i, wanted == Wanted::kLikeliest});
      }
      step.push_back({&sequence, num_tokens[s]});
    }
    size_t num_rows = 0;
    const ModelRunner::RowConsumer consume = [&](const LogitsRow&, const RowResult& result) {
      num_rows += result.likeliest || !result.logits.empty() ? 1 : 0;
    };
    const int64_t count = allocations_in([&] { EXPECT_TRUE(runner_->run(step, rows, consume)); });
    EXPECT_EQ(num_rows, rows.size());
    for (const ScheduledSequence& s : step) s.sequence->mark_computed(s.num_new_tokens);
    return count;
  }

 private:
  static std::vector<TokenId> prompt(int s) {
    std::vector<TokenId> ids;
    for (int i = 0; i < kMaxLen; ++i) ids.push_back((7 * i + 31 * s) % 1000);
    return ids;
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<ModelRunner> runner_;
  BlockAllocator blocks_{kMaxSeqs * kMaxLen / kBlockSize};
  std::vector<Sequence> sequences_;
};

class StepAllocation : public ::testing::TestWithParam<std::tuple<Variant, bool>> {};

TEST_P(StepAllocation, NoneAfterTheLargestBatch) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer has its own allocator";
  const auto& [variant, has_experts] = GetParam();
  Runner runner(variant, has_experts);
  runner.allocations_in_step({kMaxTokens, 0, 0}, Wanted::kAllLogits);
  runner.allocations_in_step({4, 0, 0}, Wanted::kLikeliest);
  const std::vector<std::pair<std::vector<int64_t>, std::string>> steps{
      {{1, 0, 0}, "one decodes"},
      {{1, 20, 3}, "one decodes, chunks of two prompts"},
      {{0, kMaxTokens, 0}, "a chunk of the largest size"},
      {{1, 1, 1}, "all decode"}};
  for (const auto& [num_tokens, name] : steps) {
    for (const Wanted wanted :
         {Wanted::kNothing, Wanted::kLogits, Wanted::kLikeliest, Wanted::kAllLogits}) {
      EXPECT_EQ(runner.allocations_in_step(num_tokens, wanted), 0)
          << name << ", wanted " << static_cast<int>(wanted);
    }
  }
  for (int i = 0; i < 60; ++i) {  // the context grows over block borders
    ASSERT_EQ(runner.allocations_in_step({1, 0, 1}, Wanted::kLikeliest), 0) << "decode " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, StepAllocation,
                         ::testing::Combine(::testing::ValuesIn(all_variants()), ::testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name() +
                                  (std::get<1>(test.param) ? "Experts" : "Dense");
                         });

}  // namespace
}  // namespace ernie::testing
