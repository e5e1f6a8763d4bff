#pragma once

#include <deque>
#include <vector>

#include "engine/sequence.h"

namespace ernie {

/// A sequence's share of a step: its next num_new_tokens pending tokens, for which it has blocks.
struct ScheduledSequence {
  Sequence* sequence;
  int64_t num_new_tokens;
};

struct SchedulerLimits {
  int64_t max_num_seqs = 16;
  int64_t max_num_batched_tokens = 512;  ///< >= max_num_seqs, so that every running sequence moves
};

/// Decides what is computed next: first come, first served; prompts in chunks beside the decodes of
/// others. When blocks run out, the sequence admitted last gives its own up and is computed again
/// later, so the first one always comes to its end if the cache can hold one whole context.
/// Does not own the sequences. One thread.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerLimits& limits) : limits_(limits) {}

  void add(Sequence& sequence) { waiting_.push_back(&sequence); }
  /// Takes a sequence out, wherever it is, and frees its blocks.
  void remove(Sequence& sequence);
  /// The next step. Empty only if there are no sequences.
  std::vector<ScheduledSequence> schedule();

  int64_t num_running() const { return static_cast<int64_t>(running_.size()); }
  int64_t num_preemptions() const { return num_preemptions_; }
  /// Tokens that were computed before when their sequence was admitted.
  int64_t num_cached_tokens() const { return num_cached_tokens_; }

 private:
  bool make_room(size_t running_index, int64_t num_tokens);
  void admit_waiting(int64_t budget, std::vector<ScheduledSequence>& step);

  SchedulerLimits limits_;
  std::deque<Sequence*> waiting_;
  std::vector<Sequence*> running_;  // in order of admission
  int64_t num_preemptions_ = 0, num_cached_tokens_ = 0;
};

}  // namespace ernie
