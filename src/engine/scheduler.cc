#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace ernie {

int64_t Scheduler::priority_of(const Sequence& sequence) const {
  return limits_.policy == SchedulingPolicy::kPriority ? sequence.priority() : 0;
}

bool Scheduler::comes_before(const Sequence& a, const Sequence& b) const {
  const int64_t first = priority_of(a), second = priority_of(b);
  return first != second ? first < second : a.scheduling().turn < b.scheduling().turn;
}

void Scheduler::add(Sequence& sequence) {
  groups_.join(sequence);
  sequence.scheduling().place = Place::kWaiting;
  waiting_.add(sequence, priority_of(sequence));
}

void Scheduler::remove(Sequence& sequence) {
  SchedulingState& state = sequence.scheduling();
  switch (state.place) {
    case Place::kNowhere:
      return;
    case Place::kWaiting:
      waiting_.remove(sequence, priority_of(sequence));
      break;
    case Place::kHeld:
      std::erase(state.group->held, &sequence);
      --num_held_;
      break;
    case Place::kRunning:
      std::erase(running_, &sequence);
      waiting_.note_stop(sequence, priority_of(sequence));
      break;
  }
  state.place = Place::kNowhere;
  give_up_lead(sequence);
  groups_.leave(sequence);
  sequence.blocks().clear();
}

std::span<const ScheduledSequence> Scheduler::schedule() {
  step_.clear();
  copies_.clear();
  share_budget();
  if (reserve_running()) {
    admit_waiting();
    hand_out_rest();
  }
  ERNIE_CHECK(!step_.empty() || (running_.empty() && waiting_.empty() && num_held_ == 0),
              "{} waiting sequences, none fits", num_waiting());
  return step_;
}

void Scheduler::mark_computed(const ScheduledSequence& scheduled) {
  Sequence& sequence = *scheduled.sequence;
  sequence.mark_computed(scheduled.num_new_tokens);
  PromptGroup* group = sequence.scheduling().group;
  if (group == nullptr || sequence.num_computed_tokens() < sequence.num_prompt_tokens()) return;
  if (group->members.size() > 1) {
    groups_.keep_blocks(*group, sequence);
    release_held(*group);
  }
  groups_.leave(sequence);
}

/// Every running sequence gets a token. The prompts, and the sequences that may be admitted, share
/// the others; who needs less than its share leaves it to those with more.
void Scheduler::share_budget() {
  counts_.assign(running_.size(), 1);
  prefilling_.clear();
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->num_pending_tokens() > 1) prefilling_.push_back(i);
  }
  budget_ = limits_.max_num_batched_tokens - num_running();
  const auto num_prefilling = static_cast<int64_t>(prefilling_.size());
  const int64_t most_prefilling =
      std::max<int64_t>((budget_ + num_prefilling) / limits_.min_prefill_share, 1);
  num_shares_ = std::min(waiting_.size(), limits_.max_num_seqs - num_running());
  num_shares_ = std::clamp<int64_t>(most_prefilling - num_prefilling, 0, num_shares_);
  if (somebody_must_give_way()) num_shares_ = std::max<int64_t>(num_shares_, 1);
  std::ranges::stable_sort(prefilling_, {},
                           [&](size_t i) { return running_[i]->num_pending_tokens(); });
  int64_t num_shares = num_prefilling + num_shares_;
  for (const size_t i : prefilling_) {
    const int64_t count = std::min(running_[i]->num_pending_tokens() - 1, budget_ / num_shares);
    counts_[i] += count;
    budget_ -= count;
    --num_shares;
  }
}

/// Puts what runs into the step. False if somebody had to be preempted for it.
bool Scheduler::reserve_running() {
  if (running_.empty()) return true;
  const size_t num_running_before = running_.size();
  while (num_missing_blocks() > running_.front()->blocks().num_free()) {
    if (groups_.drop_blocks()) continue;
    const size_t index = victim();
    preempt(index);
    counts_.erase(counts_.begin() + static_cast<long>(index));
  }
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    const bool reserved = sequence.blocks().reserve(sequence.num_computed_tokens() + counts_[i]);
    ERNIE_CHECK(reserved, "no blocks for sequence {}", sequence.id());
    step_.push_back({&sequence, counts_[i]});
  }
  return running_.size() == num_running_before;
}

/// Blocks that the running sequences need for their parts of the step.
int64_t Scheduler::num_missing_blocks() const {
  int64_t count = 0;
  for (size_t i = 0; i < running_.size(); ++i) {
    count += running_[i]->blocks().num_missing(running_[i]->num_computed_tokens() + counts_[i]);
  }
  return count;
}

/// The index of the running sequence that gives way first. Never the first one, unless it is alone.
size_t Scheduler::victim() const {
  const int64_t priority = priority_of(*running_.back());
  const int64_t most = waiting_.most_running(priority);
  size_t i = running_.size() - 1;
  while (waiting_.num_running(running_[i]->client_id(), priority) != most) --i;
  return i;
}

/// Whether the first one that waits is to have the place of the victim: see the class.
bool Scheduler::somebody_must_give_way() const {
  if (waiting_.empty() || running_.empty()) return false;
  const Sequence& sequence = waiting_.front();
  const int64_t theirs = priority_of(*running_.back()), own = priority_of(sequence);
  if (theirs != own) return theirs > own;
  return waiting_.most_running(own) >= waiting_.num_running(sequence.client_id(), own) + 2;
}

void Scheduler::preempt(size_t running_index) {
  Sequence& victim = *running_[running_index];
  running_.erase(running_.begin() + static_cast<long>(running_index));
  victim.preempt();
  give_up_lead(victim);
  victim.scheduling().place = Place::kWaiting;
  waiting_.note_stop(victim, priority_of(victim));
  waiting_.add(victim, priority_of(victim));
  ++counters_.num_preemptions;
}

void Scheduler::admit_waiting() {
  if (waiting_.empty()) return;
  blocks_due_ = 0;
  for (const size_t i : prefilling_) {
    blocks_due_ += running_[i]->blocks().num_missing(running_[i]->num_tokens());
  }
  first_new_turn_ = last_turn_ + 1;
  while (!waiting_.empty() && (has_place() || displace())) {
    Sequence& sequence = waiting_.front();
    sequence.take_known_prefix();
    if (must_be_held(sequence)) {
      hold(sequence);
      continue;
    }
    if (!make_room_to_begin(sequence)) {
      sequence.preempt();  // who waits holds no blocks
      if (&waiting_.front() == &sequence) return;
      continue;
    }
    take_known_part(sequence);
    const int64_t share = std::max(budget_ / std::max<int64_t>(num_shares_, 1),
                                   std::min(budget_, limits_.min_prefill_share));
    admit(sequence, std::min(sequence.num_pending_tokens(), share));
    --num_shares_;
  }
}

/// Whether another sequence is computing its prompt. A rest of at most a block is not worth waiting
/// for.
bool Scheduler::must_be_held(Sequence& sequence) const {
  const PromptGroup* group = sequence.scheduling().group;
  if (group == nullptr) return false;
  if (group->blocks) sequence.take_prompt(*group->blocks);
  return group->leader != nullptr && !group->blocks &&
         sequence.num_pending_tokens() > sequence.blocks().block_size();
}

void Scheduler::hold(Sequence& sequence) {
  waiting_.pop();
  sequence.preempt();
  SchedulingState& state = sequence.scheduling();
  state.place = Place::kHeld;
  state.group->held.push_back(&sequence);
  ++num_held_;
}

bool Scheduler::has_place() const { return budget_ > 0 && num_running() < limits_.max_num_seqs; }

/// Whether there are blocks for all of its tokens besides those that running prompts will take. A
/// prompt that began without would only be preempted. False also if another one is the first now.
bool Scheduler::make_room_to_begin(Sequence& sequence) {
  while (sequence.blocks().num_missing(sequence.num_tokens()) + blocks_due_ >
         sequence.blocks().num_free()) {
    if (groups_.drop_blocks()) continue;
    if (!displace() || &waiting_.front() != &sequence) return false;
  }
  return true;
}

/// Takes somebody out of the step for the first one that waits. False if nobody must give way.
/// Whoever is waiting for the prompt of that one may be the first then.
bool Scheduler::displace() {
  if (!somebody_must_give_way()) return false;
  const size_t index = victim();
  const Sequence& displaced = *running_[index];
  if (displaced.scheduling().turn >= first_new_turn_) return false;
  const auto part = std::ranges::find(step_, &displaced, &ScheduledSequence::sequence);
  budget_ += part->num_new_tokens;
  step_.erase(part);
  blocks_due_ -= displaced.blocks().num_missing(displaced.num_tokens());
  preempt(index);
  return true;
}

/// Unless there is no free block besides those that it needs, for the one that is copied.
void Scheduler::take_known_part(Sequence& sequence) {
  const BlockTable& blocks = sequence.blocks();
  if (blocks.num_missing(sequence.num_tokens()) + blocks_due_ >= blocks.num_free()) return;
  sequence.take_known_part();
  if (const auto copy = blocks.copy()) copies_.push_back(*copy);
}

void Scheduler::admit(Sequence& sequence, int64_t num_tokens) {
  waiting_.pop();
  waiting_.note_start(sequence, priority_of(sequence));
  SchedulingState& state = sequence.scheduling();
  state.turn = ++last_turn_;
  state.place = Place::kRunning;
  PromptGroup* group = state.group;
  if (group != nullptr && group->leader == nullptr && !group->blocks) group->leader = &sequence;
  const int64_t num_found = sequence.num_computed_tokens();
  counters_.num_cached_tokens += num_found;
  if (!state.was_admitted) {
    state.was_admitted = true;
    sequence.set_num_cached_tokens(num_found);
    const bool looks_up =
        sequence.blocks().has_prefix_cache() && !sequence.params().prompt_logprobs;
    counters_.num_prefix_queries += looks_up ? sequence.num_prompt_tokens() : 0;
    counters_.num_prefix_hits += looks_up ? num_found : 0;
  }
  const bool reserved = sequence.blocks().reserve(num_found + num_tokens);
  ERNIE_CHECK(reserved, "no blocks for sequence {}", sequence.id());
  blocks_due_ += sequence.blocks().num_missing(sequence.num_tokens());
  running_.insert(std::ranges::upper_bound(running_, &sequence,
                                           [this](const Sequence* a, const Sequence* b) {
                                             return comes_before(*a, *b);
                                           }),
                  &sequence);
  step_.push_back({&sequence, num_tokens});
  budget_ -= num_tokens;
}

/// Shares that nobody took go to the prompts of the step, the first one first.
void Scheduler::hand_out_rest() {
  for (ScheduledSequence& scheduled : step_) {
    if (budget_ == 0) return;
    Sequence& sequence = *scheduled.sequence;
    const int64_t rest = sequence.num_pending_tokens() - scheduled.num_new_tokens;
    const int64_t count = std::min(rest, budget_);
    const int64_t end = sequence.num_computed_tokens() + scheduled.num_new_tokens + count;
    if (count == 0 || !sequence.blocks().reserve(end)) continue;
    scheduled.num_new_tokens += count;
    budget_ -= count;
  }
}

/// Whoever waits for this sequence's prompt waits for another's, or computes it.
void Scheduler::give_up_lead(const Sequence& sequence) {
  PromptGroup* group = sequence.scheduling().group;
  if (group == nullptr || group->leader != &sequence) return;
  group->leader = nullptr;
  release_held(*group);
}

void Scheduler::release_held(PromptGroup& group) {
  for (Sequence* sequence : group.held) {
    sequence->scheduling().place = Place::kWaiting;
    waiting_.add(*sequence, priority_of(*sequence));
    --num_held_;
  }
  group.held.clear();
}

}  // namespace ernie
