#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace ernie {
namespace {

/// Sequences over a small cache, and a model in whose place tokens are only counted.
class SchedulerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kBlockSize = 4;

  Sequence& add(int64_t prompt_length, int32_t max_tokens = 8) {
    // Of its own: equal prompts would be shared.
    GenerationRequest request{.prompt_ids = std::vector<TokenId>(static_cast<size_t>(prompt_length),
                                                                 static_cast<TokenId>(next_id_))};
    request.params.max_tokens = max_tokens;
    const RequestId id = next_id_++;
    auto sequence =
        std::make_unique<Sequence>(id, std::move(request), BlockTable(blocks_, kBlockSize));
    scheduler_.add(*sequence);
    return *(sequences_[id] = std::move(sequence));
  }

  /// Schedules and "computes" one step: complete sequences get a token, finished ones leave.
  std::vector<ScheduledSequence> step() {
    const auto scheduled = scheduler_.schedule();
    for (const ScheduledSequence& s : scheduled) {
      scheduler_.mark_computed(s);
      if (s.sequence->num_pending_tokens() == 0) s.sequence->append(2);
    }
    return {scheduled.begin(), scheduled.end()};
  }
  void finish(Sequence& sequence) {
    scheduler_.remove(sequence);
    sequences_.erase(sequence.id());
  }

  BlockAllocator blocks_{12};
  Scheduler scheduler_{{.max_num_seqs = 3, .max_num_batched_tokens = 10}};
  std::map<RequestId, std::unique_ptr<Sequence>> sequences_;
  RequestId next_id_ = 1;
};

TEST_F(SchedulerTest, CutsALongPromptIntoChunksThatFillTheBudget) {
  Sequence& sequence = add(23);
  EXPECT_EQ(step()[0].num_new_tokens, 10);
  EXPECT_EQ(step()[0].num_new_tokens, 10);
  EXPECT_EQ(step()[0].num_new_tokens, 3);
  EXPECT_EQ(step()[0].num_new_tokens, 1);
  EXPECT_EQ(sequence.num_output_tokens(), 2);
}

TEST_F(SchedulerTest, ALongPromptDoesNotStallADecode) {
  Sequence& first = add(3);
  step();
  add(30);
  step();  // the second is admitted behind
  const auto both = step();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].sequence, &first);
  EXPECT_EQ(both[0].num_new_tokens, 1);
  EXPECT_EQ(both[1].num_new_tokens, 9);
}

TEST_F(SchedulerTest, ADecodeBehindALongPromptMovesToo) {
  add(30);
  step();
  Sequence& second = add(1);
  const auto both = step();
  ASSERT_EQ(both.size(), 1u) << "the prompt takes the whole budget before the other is admitted";
  step();
  const auto next = step();
  ASSERT_EQ(next.size(), 2u);
  EXPECT_EQ(next[1].sequence, &second);
}

TEST_F(SchedulerTest, PreemptsTheLastAdmittedAndComputesItAgain) {
  Sequence& first = add(20, 100);
  while (first.num_computed_tokens() < 20) step();
  Sequence& second = add(20, 100);
  while (scheduler_.counters().num_preemptions == 0) step();
  EXPECT_EQ(second.num_computed_tokens(), 0);
  EXPECT_TRUE(second.blocks().blocks().empty());
  EXPECT_GT(second.num_tokens(), 20) << "what it had generated stays";
  const int64_t length = second.num_tokens();
  finish(first);
  while (second.num_computed_tokens() < length) step();
  EXPECT_EQ(second.num_tokens(), length + 1);
}

TEST_F(SchedulerTest, RunsAtMostMaxNumSeqs) {
  for (int i = 0; i < 5; ++i) add(1);
  EXPECT_EQ(step().size(), 3u);
  EXPECT_EQ(scheduler_.num_running(), 3);
}

TEST_F(SchedulerTest, IsIdleWithoutSequences) { EXPECT_TRUE(step().empty()); }

// Random arrivals, departures and lengths; after each step the books must balance.
TEST_F(SchedulerTest, KeepsItsInvariantsUnderRandomTraffic) {
  std::mt19937 random(7);
  std::map<RequestId, int> steps_without_progress;
  int64_t finished = 0;
  for (int i = 0; i < 50000; ++i) {
    if (sequences_.size() < 8 && random() % 3 == 0) {
      add(1 + static_cast<int64_t>(random() % 30), 1 + static_cast<int32_t>(random() % 18));
    }
    if (!sequences_.empty() && random() % 200 == 0) {
      finish(
          *std::next(sequences_.begin(), static_cast<long>(random() % sequences_.size()))->second);
    }
    const std::vector<ScheduledSequence> scheduled = step();
    int64_t tokens = 0;
    for (const auto& [sequence, count] : scheduled) {
      ASSERT_GT(count, 0);
      ASSERT_LE(sequence->num_computed_tokens(), sequence->blocks().capacity());
      tokens += count;
    }
    ASSERT_LE(tokens, 10);
    ASSERT_LE(scheduled.size(), 3u);
    ASSERT_EQ(scheduled.empty(), sequences_.empty());
    int64_t blocks_held = 0;
    for (const auto& [id, sequence] : sequences_) {
      blocks_held += static_cast<int64_t>(sequence->blocks().blocks().size());
    }
    ASSERT_EQ(blocks_held + blocks_.num_free(), blocks_.num_blocks());
    // The oldest always moves on.
    if (!scheduled.empty()) {
      const RequestId oldest = sequences_.begin()->first;
      const bool moved = std::any_of(scheduled.begin(), scheduled.end(),
                                     [&](const auto& s) { return s.sequence->id() == oldest; });
      steps_without_progress[oldest] = moved ? 0 : steps_without_progress[oldest] + 1;
      ASSERT_LT(steps_without_progress[oldest], 100) << "sequence " << oldest << " starves";
    }
    std::vector<Sequence*> done;
    for (const auto& [id, sequence] : sequences_) {
      if (sequence->num_output_tokens() >= sequence->params().max_tokens)
        done.push_back(sequence.get());
    }
    for (Sequence* sequence : done) finish(*sequence);
    finished += static_cast<int64_t>(done.size());
  }
  EXPECT_GT(finished, 1000);
  EXPECT_GT(scheduler_.counters().num_preemptions, 100);
  sequences_.clear();
  EXPECT_EQ(blocks_.num_free(), blocks_.num_blocks());
}

/// Sequences that share their beginnings over a cache that remembers them. In place of keys and
/// values a slot holds a number that stands for the token and all before it.
class PrefixSharing : public ::testing::Test {
 protected:
  static constexpr int64_t kBlockSize = 3;

  void add(std::vector<TokenId> prompt, bool wants_prompt_logprobs) {
    GenerationRequest request{.prompt_ids = std::move(prompt)};
    request.params.max_tokens = 1 + static_cast<int32_t>(random_() % 12);
    if (wants_prompt_logprobs) request.params.prompt_logprobs = 0;
    const RequestId id = next_id_++;
    auto sequence =
        std::make_unique<Sequence>(id, std::move(request), BlockTable(blocks_, kBlockSize));
    scheduler_.add(*sequence);
    sequences_[id] = std::move(sequence);
  }

  /// A beginning of one of three texts, and perhaps tokens of its own.
  std::vector<TokenId> some_prompt() {
    const auto text = static_cast<TokenId>(random_() % 3);
    std::vector<TokenId> prompt;
    for (unsigned i = 1 + random_() % 18; i > 0; --i) prompt.push_back(text * 100 + i % 7);
    std::reverse(prompt.begin(), prompt.end());
    for (unsigned i = random_() % 4; i > 0; --i)
      prompt.push_back(static_cast<TokenId>(random_() % 2));
    return prompt;
  }

  static uint64_t meaning(const Sequence& sequence, int64_t index) {
    uint64_t hash = 1;
    for (int64_t i = 0; i <= index; ++i) {
      const TokenId token = sequence.token_ids()[static_cast<size_t>(i)];
      hash = (hash ^ static_cast<uint64_t>(token + 1)) * 0x9e3779b97f4a7c15;
    }
    return hash;
  }

  void compute(const ScheduledSequence& scheduled) {
    Sequence& sequence = *scheduled.sequence;
    const int64_t begin = sequence.num_computed_tokens(), end = begin + scheduled.num_new_tokens;
    for (int64_t i = 0; i < begin; ++i) {
      ASSERT_EQ(cache_[sequence.blocks().slot(i)], meaning(sequence, i)) << "token " << i;
    }
    for (int64_t i = begin; i < end; ++i) {
      // Somebody else may read it.
      const BlockId block = sequence.blocks().blocks()[static_cast<size_t>(i / kBlockSize)];
      ASSERT_EQ(blocks_.ref_count(block), 1);
      cache_[sequence.blocks().slot(i)] = meaning(sequence, i);
    }
  }

  void step() {
    const auto scheduled = scheduler_.schedule();
    ASSERT_EQ(scheduled.empty(), sequences_.empty());
    for (const SlotCopy& copy : scheduler_.copies()) {
      for (int32_t i = 0; i < copy.count; ++i) cache_[copy.to + i] = cache_[copy.from + i];
    }
    for (const ScheduledSequence& s : scheduled) {
      ASSERT_GT(s.num_new_tokens, 0);
      ASSERT_NO_FATAL_FAILURE(compute(s));
    }
    for (const ScheduledSequence& s : scheduled) {
      Sequence* sequence = s.sequence;
      scheduler_.mark_computed(s);
      if (sequence->num_pending_tokens() > 0) continue;
      sequence->append(static_cast<TokenId>(random_() % 2));
      if (sequence->num_output_tokens() < sequence->params().max_tokens) continue;
      scheduler_.remove(*sequence);
      sequences_.erase(sequence->id());
    }
  }

  std::mt19937 random_{11};
  PrefixCache prefixes_{16, kBlockSize};
  BlockAllocator blocks_{16, &prefixes_};
  Scheduler scheduler_{{.max_num_seqs = 4, .max_num_batched_tokens = 12}};
  std::map<RequestId, std::unique_ptr<Sequence>> sequences_;
  std::map<int32_t, uint64_t> cache_;  // by slot
  RequestId next_id_ = 1;
};

TEST_F(PrefixSharing, EverySequenceReadsItsOwnText) {
  for (int i = 0; i < 50'000; ++i) {
    if (sequences_.size() < 6 && random_() % 3 == 0) add(some_prompt(), random_() % 8 == 0);
    if (!sequences_.empty() && random_() % 50 == 0) {
      const auto gone =
          std::next(sequences_.begin(), static_cast<long>(random_() % sequences_.size()));
      scheduler_.remove(*gone->second);
      sequences_.erase(gone);
    }
    ASSERT_NO_FATAL_FAILURE(step()) << "step " << i;
  }
  EXPECT_GT(scheduler_.counters().num_cached_tokens, 50'000);
  EXPECT_GT(scheduler_.counters().num_preemptions, 100);
  while (!sequences_.empty()) step();
  EXPECT_EQ(blocks_.num_free(), blocks_.num_blocks());
}

TEST_F(PrefixSharing, TheLastTokenIsComputedHoweverMuchIsKnown) {
  const std::vector<TokenId> prompt{1, 2, 3, 4, 5, 6};  // two full blocks
  for (int round = 0; round < 2; ++round) {
    add(prompt, /*wants_prompt_logprobs=*/false);
    const auto scheduled = scheduler_.schedule();
    ASSERT_EQ(scheduled.size(), 1u);
    EXPECT_EQ(scheduled[0].num_new_tokens, round == 0 ? 6 : 1);
    EXPECT_EQ(scheduler_.copies().size(), round == 0 ? 0u : 1u) << "two slots of the second block";
    Sequence& sequence = *scheduled[0].sequence;
    scheduler_.mark_computed(scheduled[0]);
    scheduler_.remove(sequence);
  }
  add(prompt, /*wants_prompt_logprobs=*/true);
  EXPECT_EQ(scheduler_.schedule()[0].num_new_tokens, 6) << "their logits are wanted";
}

}  // namespace
}  // namespace ernie
