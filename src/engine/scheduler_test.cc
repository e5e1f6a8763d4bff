#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ernie {
namespace {

/// Sequences over a small cache, and a model in whose place tokens are only counted.
class SchedulerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kBlockSize = 4;

  Sequence& add(int64_t prompt_length, int32_t max_tokens = 8) {
    GenerationRequest request{.prompt_ids =
                                  std::vector<TokenId>(static_cast<size_t>(prompt_length), 1)};
    request.params.max_tokens = max_tokens;
    const RequestId id = next_id_++;
    auto sequence =
        std::make_unique<Sequence>(id, std::move(request), BlockTable(blocks_, kBlockSize));
    scheduler_.add(*sequence);
    return *(sequences_[id] = std::move(sequence));
  }

  /// Schedules and "computes" one step: complete sequences get a token, finished ones leave.
  std::vector<ScheduledSequence> step() {
    std::vector<ScheduledSequence> scheduled = scheduler_.schedule();
    for (const auto& [sequence, count] : scheduled) {
      sequence->mark_computed(count);
      if (sequence->num_pending_tokens() == 0) sequence->append(2);
    }
    return scheduled;
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
  while (scheduler_.num_preemptions() == 0) step();
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
  EXPECT_GT(scheduler_.num_preemptions(), 100);
  sequences_.clear();
  EXPECT_EQ(blocks_.num_free(), blocks_.num_blocks());
}

}  // namespace
}  // namespace ernie
