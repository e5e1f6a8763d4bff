#pragma once

#include <span>
#include <vector>

#include "engine/prompt_groups.h"
#include "engine/scheduling_policy.h"
#include "engine/waiting_queue.h"

namespace ernie {

/// A sequence's share of a step: its next num_new_tokens pending tokens, for which it has blocks.
struct ScheduledSequence {
  Sequence* sequence;
  int64_t num_new_tokens;
};

struct SchedulerLimits {
  int64_t max_num_seqs = 16;
  int64_t max_num_batched_tokens = 512;  ///< >= max_num_seqs, so that every running sequence moves
  SchedulingPolicy policy = SchedulingPolicy::kFcfs;
  /// Prompts are computed side by side as long as each gets so many tokens of a step: smaller
  /// chunks would read the weights and the context for little.
  int64_t min_prefill_share = 128;
};

/// What happened since the scheduler was made.
struct SchedulerCounters {
  int64_t num_preemptions = 0;
  int64_t num_cached_tokens = 0;   ///< not computed but found, when sequences began or resumed
  int64_t num_prefix_queries = 0;  ///< prompt tokens looked up when sequences began
  int64_t num_prefix_hits = 0;     ///< of these, found
};

/// Decides what is computed next.
///
/// Running sequences all move in every step. What their next tokens leave of the budget is shared
/// by the prompts, the ones that run and those that can begin: equal shares, and what a short one
/// does not need is the others'. So a short prompt does not wait for a long one.
///
/// Sequences are admitted in the order of WaitingQueue, while there are blocks for their whole
/// text. When blocks run out nevertheless, somebody gives its own up and is computed again later:
/// of the highest priority number, of the client of whom the most run, the one that was admitted
/// last. So the first one always comes to its end if the cache can hold one whole context, and then
/// the next one is the first.
///
/// Nobody waits for a place because another has many: it is given the place of a sequence of a
/// higher priority number, or of a client of whom at least two more run.
///
/// What is known of a sequence's beginning is not computed again: blocks are shared, and of the
/// block behind them the part that agrees is copied.
///
/// Of sequences with the same prompt one computes it and the others share its full blocks.
///
/// Does not own the sequences. One thread.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerLimits& limits) : limits_(limits) {}

  void add(Sequence& sequence);
  /// Takes a sequence out, wherever it is, and frees its blocks.
  void remove(Sequence& sequence);
  /// The next step; valid until the next call. Empty only if there are no sequences.
  std::span<const ScheduledSequence> schedule();
  /// What is to be copied before the step is computed.
  std::span<const SlotCopy> copies() const { return copies_; }
  /// After a step, for each part of it and before any of its sequences is removed: it is computed.
  void mark_computed(const ScheduledSequence& scheduled);

  int64_t num_running() const { return static_cast<int64_t>(running_.size()); }
  int64_t num_waiting() const { return waiting_.size() + num_held_; }
  const SchedulerCounters& counters() const { return counters_; }
  /// Blocks that are kept for sequences with a prompt that was computed already, each as often as
  /// it is kept.
  std::vector<BlockId> kept_blocks() const { return groups_.kept_blocks(); }

 private:
  using Place = SchedulingState::Place;

  int64_t priority_of(const Sequence& sequence) const;
  bool comes_before(const Sequence& a, const Sequence& b) const;
  void share_budget();
  bool reserve_running();
  int64_t num_missing_blocks() const;
  size_t victim() const;
  bool somebody_must_give_way() const;
  void preempt(size_t running_index);
  void admit_waiting();
  bool must_be_held(Sequence& sequence) const;
  void hold(Sequence& sequence);
  bool has_place() const;
  bool make_room_to_begin(Sequence& sequence);
  bool displace();
  void take_known_part(Sequence& sequence);
  void admit(Sequence& sequence, int64_t num_tokens);
  void hand_out_rest();
  void give_up_lead(const Sequence& sequence);
  void release_held(PromptGroup& group);

  SchedulerLimits limits_;
  WaitingQueue waiting_;
  PromptGroups groups_;
  std::vector<Sequence*> running_;  // in order of comes_before()
  int64_t num_held_ = 0;
  uint64_t last_turn_ = 0;
  SchedulerCounters counters_;

  // Of the step that is being made.
  std::vector<ScheduledSequence> step_;
  std::vector<SlotCopy> copies_;
  std::vector<int64_t> counts_;     // tokens, by running sequence
  std::vector<size_t> prefilling_;  // running sequences, fewest pending tokens first
  int64_t budget_ = 0;              // tokens that are left
  int64_t num_shares_ = 0;          // for sequences that may be admitted
  int64_t blocks_due_ = 0;          // that running prompts will still take
  uint64_t first_new_turn_ = 0;     // of those admitted in it
};

}  // namespace ernie
