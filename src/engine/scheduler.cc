#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace ernie {

void Scheduler::remove(Sequence& sequence) {
  std::erase(running_, &sequence);
  std::erase(waiting_, &sequence);
  sequence.blocks().clear();
}

std::vector<ScheduledSequence> Scheduler::schedule() {
  std::vector<ScheduledSequence> step;
  const int64_t preemptions_before = num_preemptions_;
  int64_t budget = limits_.max_num_batched_tokens;
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    // One token is kept for each sequence behind, so that a long prompt does not stall decodes.
    const auto num_behind = static_cast<int64_t>(running_.size() - 1 - i);
    const int64_t count = std::min(sequence.num_pending_tokens(), budget - num_behind);
    if (!make_room(i, sequence.num_computed_tokens() + count)) break;
    step.push_back({&sequence, count});
    budget -= count;
  }
  if (num_preemptions_ == preemptions_before) admit_waiting(budget, step);
  ERNIE_CHECK(!step.empty() || (running_.empty() && waiting_.empty()),
              "{} waiting sequences, none fits", waiting_.size());
  return step;
}

/// Preempts from the back until the sequence at running_index has blocks for num_tokens; false if
/// it had to give way itself.
bool Scheduler::make_room(size_t running_index, int64_t num_tokens) {
  Sequence* sequence = running_[running_index];
  while (!sequence->blocks().reserve(num_tokens)) {
    Sequence* victim = running_.back();
    running_.pop_back();
    victim->preempt();
    waiting_.push_front(victim);
    ++num_preemptions_;
    if (victim == sequence) return false;
  }
  return true;
}

void Scheduler::admit_waiting(int64_t budget, std::vector<ScheduledSequence>& step) {
  while (!waiting_.empty() && budget > 0 && num_running() < limits_.max_num_seqs) {
    Sequence& sequence = *waiting_.front();
    sequence.take_known_prefix();
    const int64_t count = std::min(sequence.num_pending_tokens(), budget);
    if (!sequence.blocks().reserve(sequence.num_computed_tokens() + count)) {
      sequence.preempt();  // who waits holds no blocks
      return;
    }
    num_cached_tokens_ += sequence.num_computed_tokens();
    waiting_.pop_front();
    running_.push_back(&sequence);
    step.push_back({&sequence, count});
    budget -= count;
  }
}

}  // namespace ernie
