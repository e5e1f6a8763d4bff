// What priorities, clients and equal prompts have of a scheduler.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "engine/scheduler.h"

namespace ernie {
namespace {

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

TEST_F(SchedulerGroups, OnlyThoseOfOneSaltShare) {
  for (const uint64_t salt : {0, 7, 7}) {
    GenerationRequest request = bench_.with_prompt(9);
    request.cache_salt = salt;
    bench_.add(std::move(request));
  }
  for (int i = 0; i < 6; ++i) bench_.step();
  EXPECT_EQ(bench_.sequences[0]->num_cached_tokens(), 0);
  EXPECT_EQ(bench_.sequences[1]->num_cached_tokens(), 0);
  EXPECT_EQ(bench_.sequences[2]->num_cached_tokens(), 8);
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
