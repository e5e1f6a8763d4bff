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

/// A scheduler with chosen limits over a cache without memory of prefixes.
struct Bench {
  static constexpr int64_t kBlockSize = 4;

  Bench(const SchedulerLimits& limits, int64_t num_blocks)
      : blocks(num_blocks), scheduler(limits) {}

  Sequence& add(GenerationRequest request) {
    const RequestId id = sequences.size() + 1;
    sequences.push_back(
        std::make_unique<Sequence>(id, std::move(request), BlockTable(blocks, kBlockSize)));
    scheduler.add(*sequences.back());
    return *sequences.back();
  }
  Sequence& add(size_t prompt_length, int64_t priority = 0, uint64_t client_id = 0) {
    GenerationRequest request{
        .prompt_ids = std::vector<TokenId>(prompt_length, static_cast<TokenId>(sequences.size()))};
    request.priority = priority;
    request.client_id = client_id;
    return add(std::move(request));
  }
  GenerationRequest with_prompt(size_t length) {
    return {.prompt_ids = std::vector<TokenId>(length, -1), .params = {}};
  }
  /// One step; by sequence id, how many tokens of it were computed.
  std::map<RequestId, int64_t> step() {
    std::map<RequestId, int64_t> counts;
    for (const ScheduledSequence& s : scheduler.schedule()) {
      counts[s.sequence->id()] = s.num_new_tokens;
      scheduler.mark_computed(s);
      if (s.sequence->num_pending_tokens() == 0) s.sequence->append(2);
    }
    return counts;
  }

  BlockAllocator blocks;
  std::vector<std::unique_ptr<Sequence>> sequences;
  Scheduler scheduler;
};

using Counts = std::map<RequestId, int64_t>;

TEST(SchedulerPriority, TheLowestComesFirstAndTheHighestGivesWay) {
  Bench bench(
      {.max_num_seqs = 2, .max_num_batched_tokens = 40, .policy = SchedulingPolicy::kPriority},
      /*num_blocks=*/8);
  bench.add(12, 5);
  EXPECT_EQ(bench.step(), (Counts{{1, 12}}));
  bench.add(12, 7);
  bench.add(12, 3);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {3, 12}})) << "the last to come is the first";
  while (bench.scheduler.counters().num_preemptions == 0) bench.step();
  EXPECT_EQ(bench.sequences[0]->num_computed_tokens(), 0) << "though it was admitted first";
  EXPECT_GT(bench.sequences[2]->num_computed_tokens(), 12);
  bench.scheduler.remove(*bench.sequences[2]);
  EXPECT_TRUE(bench.step().contains(1)) << "before the one of priority 7";
}

TEST(SchedulerPriority, AnUrgentOneIsGivenThePlaceOfAnother) {
  Bench bench(
      {.max_num_seqs = 2, .max_num_batched_tokens = 40, .policy = SchedulingPolicy::kPriority},
      /*num_blocks=*/100);
  bench.add(2, 5);
  bench.add(2, 7);
  bench.step();
  bench.add(2, 7);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {2, 1}}));
  bench.add(2, 6);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {4, 2}}));
}

TEST(SchedulerPriority, CountsForNothingFirstComeFirstServed) {
  Bench bench({.max_num_seqs = 1, .max_num_batched_tokens = 40}, 8);
  bench.add(3, 5);
  bench.add(3, -5);
  EXPECT_EQ(bench.step(), (Counts{{1, 3}}));
}

TEST(SchedulerFairness, ClientsAreAdmittedInTurn) {
  Bench bench({.max_num_seqs = 4, .max_num_batched_tokens = 40}, 100);
  for (int i = 0; i < 50; ++i) bench.add(2, 0, /*client_id=*/1);
  bench.add(2, 0, 2);
  bench.add(2, 0, 3);
  EXPECT_EQ(bench.step(), (Counts{{1, 2}, {2, 2}, {51, 2}, {52, 2}}));
}

TEST(SchedulerFairness, WhoHasManyPlacesGivesOneToAClientThatHasNone) {
  Bench bench({.max_num_seqs = 4, .max_num_batched_tokens = 4}, 100);
  for (int i = 0; i < 50; ++i) bench.add(1, 0, /*client_id=*/1);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {2, 1}, {3, 1}, {4, 1}}));
  bench.add(1, 0, 2);  // 51
  bench.add(1, 0, 2);
  bench.add(1, 0, 2);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {2, 1}, {51, 1}, {52, 1}}))
      << "the last ones go, until both have as many";
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {2, 1}, {51, 1}, {52, 1}}));
  bench.add(1, 0, 3);  // 54
  EXPECT_TRUE(bench.step().contains(54));
}

TEST(SchedulerFairness, WhoHasAllTheBlocksGivesSomeToAClientThatHasNone) {
  Bench bench({.max_num_seqs = 8, .max_num_batched_tokens = 64}, /*num_blocks=*/12);
  for (int i = 0; i < 3; ++i) bench.add(15, 0, /*client_id=*/1);  // four blocks each
  EXPECT_EQ(bench.step(), (Counts{{1, 15}, {2, 15}, {3, 15}}));
  bench.add(4, 0, 2);
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {2, 1}, {4, 4}}));
  EXPECT_EQ(bench.sequences[2]->blocks().capacity(), 0);
}

TEST(SchedulerFairness, OfTheClientOfWhomTheMostRunTheLastGivesWay) {
  Bench bench({.max_num_seqs = 8, .max_num_batched_tokens = 64}, /*num_blocks=*/8);
  bench.add(7, 0, /*client_id=*/1);
  bench.add(7, 0, 1);
  bench.step();
  bench.add(7, 0, 2);
  bench.add(6, 0, 3);
  bench.step();
  EXPECT_EQ(bench.step(), (Counts{{1, 1}, {3, 1}, {4, 1}})) << "not those that came later";
}

// Else it would wait until one of four is computed.
TEST(SchedulerFairness, WhoHasManyPromptsSharesTheBudgetWithAClientThatHasNone) {
  Bench bench({.max_num_seqs = 8, .max_num_batched_tokens = 64, .min_prefill_share = 16}, 2000);
  for (int i = 0; i < 5; ++i) bench.add(1000, 0, /*client_id=*/1);
  EXPECT_EQ(bench.step(), (Counts{{1, 16}, {2, 16}, {3, 16}, {4, 16}}));
  bench.add(10, 0, 2);
  EXPECT_TRUE(bench.step().contains(6));
}

TEST(SchedulerFairness, AShortPromptDoesNotWaitForALongOne) {
  Bench bench({.max_num_seqs = 8, .max_num_batched_tokens = 70, .min_prefill_share = 16}, 2000);
  bench.add(1000);
  EXPECT_EQ(bench.step(), (Counts{{1, 70}}));
  bench.add(10);
  EXPECT_EQ(bench.step(), (Counts{{1, 60}, {2, 10}})) << "what it does not need is the other's";
  bench.add(1000);
  EXPECT_EQ(bench.step(), (Counts{{1, 35}, {2, 1}, {3, 34}}));
  bench.add(1000);
  bench.add(1000);
  bench.add(1000);
  EXPECT_EQ(bench.step(), (Counts{{1, 17}, {2, 1}, {3, 18}, {4, 17}, {5, 17}}))
      << "no smaller shares: the sixth waits";
}

// Shares of a little less would cost each of them a step for its last token.
TEST(SchedulerFairness, PromptsOfTheLeastShareAreComputedWhole) {
  Bench bench({.max_num_seqs = 16, .max_num_batched_tokens = 64, .min_prefill_share = 16}, 1000);
  for (int i = 0; i < 8; ++i) bench.add(16);
  EXPECT_EQ(bench.step(), (Counts{{1, 16}, {2, 16}, {3, 16}, {4, 16}}));
  EXPECT_EQ(bench.step(),
            (Counts{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 16}, {6, 16}, {7, 16}, {8, 12}}));
}

TEST(SchedulerFairness, APromptIsNotBegunThatCouldNotBeFinished) {
  Bench bench({.max_num_seqs = 4, .max_num_batched_tokens = 8, .min_prefill_share = 4},
              /*num_blocks=*/10);
  bench.add(30);  // eight blocks
  bench.step();
  bench.add(12);
  EXPECT_EQ(bench.step(), (Counts{{1, 8}}));
  while (bench.sequences[0]->num_computed_tokens() < 30) bench.step();
  EXPECT_EQ(bench.step(), (Counts{{1, 1}}));
  bench.scheduler.remove(*bench.sequences[0]);
  EXPECT_EQ(bench.step(), (Counts{{2, 8}}));
  EXPECT_EQ(bench.scheduler.counters().num_preemptions, 0);
}

class SchedulerGroups : public ::testing::Test {
 protected:
  Bench bench_{{.max_num_seqs = 4, .max_num_batched_tokens = 10}, /*num_blocks=*/40};
};

TEST_F(SchedulerGroups, OneComputesThePromptForAll) {
  for (int i = 0; i < 6; ++i) bench_.add(bench_.with_prompt(19));  // four full blocks, three tokens
  EXPECT_EQ(bench_.step(), (Counts{{1, 10}}));
  EXPECT_EQ(bench_.scheduler.num_waiting(), 5);
  EXPECT_EQ(bench_.step(), (Counts{{1, 9}}));
  EXPECT_EQ(bench_.step(), (Counts{{1, 1}, {2, 3}, {3, 3}, {4, 3}}));
  EXPECT_EQ(bench_.sequences[1]->num_cached_tokens(), 16);
  EXPECT_EQ(bench_.blocks.ref_count(bench_.sequences[0]->blocks().blocks()[3]), 5)
      << "four sequences, and the group for the two that wait";
  bench_.scheduler.remove(*bench_.sequences[0]);
  bench_.scheduler.remove(*bench_.sequences[1]);
  EXPECT_EQ(bench_.step(), (Counts{{3, 1}, {4, 1}, {5, 3}, {6, 3}})) << "whoever is gone";
  for (const auto& sequence : bench_.sequences) bench_.scheduler.remove(*sequence);
  EXPECT_EQ(bench_.blocks.num_free(), 40);
}

TEST_F(SchedulerGroups, TheNextOneLeadsWhenTheLeaderIsGone) {
  for (int i = 0; i < 3; ++i) bench_.add(bench_.with_prompt(30));
  bench_.step();
  bench_.scheduler.remove(*bench_.sequences[0]);
  EXPECT_EQ(bench_.step(), (Counts{{2, 10}})) << "at once, and alone";
  bench_.scheduler.remove(*bench_.sequences[2]);  // is held
  EXPECT_EQ(bench_.scheduler.num_waiting(), 0);
  bench_.scheduler.remove(*bench_.sequences[1]);
  EXPECT_EQ(bench_.blocks.num_free(), 40);
}

TEST_F(SchedulerGroups, WhoWantsPromptLogprobsComputesAlone) {
  GenerationRequest first = bench_.with_prompt(8);
  first.params.prompt_logprobs = 1;
  bench_.add(first);
  bench_.add(bench_.with_prompt(8));
  bench_.add(bench_.with_prompt(8));
  EXPECT_EQ(bench_.step(), (Counts{{1, 8}, {2, 2}})) << "nobody is held for its sake";
}

TEST_F(SchedulerGroups, AnotherPromptIsNotShared) {
  bench_.add(bench_.with_prompt(9));
  GenerationRequest other = bench_.with_prompt(9);
  other.prompt_ids[8] = 3;
  bench_.add(other);
  bench_.step();
  EXPECT_EQ(bench_.step(), (Counts{{1, 1}, {2, 8}}));
}

TEST(SchedulerGroupsInLittleRoom, KeptBlocksAreGivenUpForWhoeverComesFirst) {
  Bench bench(
      {.max_num_seqs = 1, .max_num_batched_tokens = 40, .policy = SchedulingPolicy::kPriority},
      /*num_blocks=*/6);
  bench.add(bench.with_prompt(8));
  bench.add(bench.with_prompt(8));
  EXPECT_EQ(bench.step(), (Counts{{1, 8}}));
  bench.scheduler.remove(*bench.sequences[0]);
  EXPECT_EQ(bench.blocks.num_free(), 4) << "two are kept for the second one";
  bench.add(20, -1);
  EXPECT_EQ(bench.step(), (Counts{{3, 20}}));
  bench.scheduler.remove(*bench.sequences[2]);
  EXPECT_EQ(bench.step(), (Counts{{2, 8}}));
  bench.scheduler.remove(*bench.sequences[1]);
  EXPECT_EQ(bench.blocks.num_free(), 6);
}

}  // namespace
}  // namespace ernie
