#include "simulation.h"

#include <algorithm>

namespace ernie {
namespace {

using Place = SchedulingState::Place;

constexpr uint64_t kBeginning = 0x243f6a8885a308d3;
constexpr uint64_t kVocab = 4;  // few, so that texts meet again

uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  return x ^ (x >> 29);
}

/// The number of a token behind a text.
uint64_t value_behind(uint64_t before, TokenId token) {
  return mixed(before * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(token) + 1);
}

TokenId token_behind(uint64_t value, uint64_t salt) {
  return static_cast<TokenId>(mixed(value ^ salt) % kVocab);
}

}  // namespace

SimulationCounts& SimulationCounts::operator+=(const SimulationCounts& other) {
  num_events += other.num_events;
  num_steps += other.num_steps;
  num_tokens += other.num_tokens;
  num_requests += other.num_requests;
  num_finished += other.num_finished;
  num_cancelled += other.num_cancelled;
  num_preemptions += other.num_preemptions;
  num_cached_tokens += other.num_cached_tokens;
  num_held += other.num_held;
  num_kept += other.num_kept;
  num_copies += other.num_copies;
  return *this;
}

Simulation::Simulation(uint64_t seed) : random_(seed) {
  block_size_ = draw(1, 4);
  max_len_ = draw(6, 40);
  // From one context to room for several.
  num_blocks_ = (max_len_ + block_size_ - 1) / block_size_ * draw(4, 12) / 4;
  limits_.max_num_seqs = draw(1, 6);
  limits_.max_num_batched_tokens = limits_.max_num_seqs + draw(0, 30);
  limits_.min_prefill_share = draw(1, 16);
  limits_.policy = draw(2) == 0 ? SchedulingPolicy::kFcfs : SchedulingPolicy::kPriority;
  if (draw(4) != 0) prefixes_ = std::make_unique<PrefixCache>(num_blocks_, block_size_);
  blocks_ = std::make_unique<BlockAllocator>(num_blocks_, prefixes_.get());
  scheduler_ = std::make_unique<Scheduler>(limits_);
  for (std::vector<TokenId>& text : texts_) {
    for (int64_t i = 0; i < max_len_; ++i) text.push_back(static_cast<TokenId>(draw(kVocab)));
  }
  slots_.assign(static_cast<size_t>(num_blocks_ * block_size_), 0);
  prefix_values_.push_back(kBeginning);
}

std::string Simulation::run(int64_t num_events) {
  for (int64_t i = 0; i < num_events && failure_.empty(); ++i) {
    event();
    ++counts_.num_events;
    check_blocks();
  }
  if (failure_.empty()) drain();
  expect(blocks_->num_free() == num_blocks_, "blocks are in use after the end");
  expect(counts_.num_finished + counts_.num_cancelled == counts_.num_requests,
         "not as many ends as requests");
  counts_.num_preemptions = scheduler_->counters().num_preemptions;
  counts_.num_cached_tokens = scheduler_->counters().num_cached_tokens;
  return failure_;
}

void Simulation::expect(bool holds, const char* what) {
  if (!holds && failure_.empty()) {
    failure_ = std::string(what) + ", event " + std::to_string(counts_.num_events);
  }
}

void Simulation::event() {
  const uint64_t kind = draw(64);
  if (kind < 12 && requests_.size() < 24) return arrive();
  if (kind < 15 && !requests_.empty()) return cancel();
  if (kind == 15 && draw(4) == 0) return drain();
  step();
}

/// A beginning of one of three texts, and perhaps tokens of its own.
std::vector<TokenId> Simulation::some_prompt() {
  const std::vector<TokenId>& text = texts_[draw(3)];
  const int64_t length = draw(1, max_len_ - 1), own = draw(2) == 0 ? draw(0, length - 1) : 0;
  std::vector<TokenId> prompt(text.begin(), text.begin() + (length - own));
  for (int64_t i = 0; i < own; ++i) prompt.push_back(static_cast<TokenId>(draw(kVocab)));
  return prompt;
}

/// One request, or several answers to a prompt.
void Simulation::arrive() {
  GenerationRequest request{.prompt_ids = some_prompt(), .params = {}};
  request.client_id = draw(kClients);
  request.priority = draw(-1, 1);
  const int64_t num_answers = draw(4) == 0 ? draw(2, 5) : 1;
  for (int64_t i = 0; i < num_answers; ++i) {
    request.params.max_tokens = static_cast<int32_t>(draw(8) == 0 ? draw(0, 1) : draw(1, 16));
    request.params.prompt_logprobs.reset();
    if (draw(12) == 0) request.params.prompt_logprobs = 0;
    auto sequence = std::make_unique<Sequence>(++last_id_, GenerationRequest(request),
                                               BlockTable(*blocks_, block_size_));
    scheduler_->add(*sequence);
    requests_.push_back({.sequence = std::move(sequence),
                         .salt = random_(),
                         .stop_token = draw(3) == 0 ? static_cast<TokenId>(draw(kVocab)) : -1});
    ++counts_.num_requests;
  }
}

void Simulation::cancel() {
  const size_t index = draw(requests_.size());
  check_answer(requests_[index]);
  ++counts_.num_cancelled;
  end(index);
}

void Simulation::end(size_t index) {
  scheduler_->remove(*requests_[index].sequence);
  requests_.erase(requests_.begin() + static_cast<long>(index));
}

/// As the engine does it: all is computed and sampled, then noted, then what has ended leaves.
void Simulation::step() {
  num_running_ = {};
  for (Request& request : requests_) {
    request.ran_before = request.sequence->scheduling().place == Place::kRunning;
    request.turn_before = request.sequence->scheduling().turn;
    if (request.ran_before) ++running_of(*request.sequence);
  }
  const auto scheduled = scheduler_->schedule();
  ++counts_.num_steps;
  check_victims();
  check_order();
  check_shares();
  check_step(scheduled);
  if (!failure_.empty()) return;
  for (const SlotCopy& copy : scheduler_->copies()) {
    std::copy_n(slots_.begin() + copy.from, copy.count, slots_.begin() + copy.to);
    ++counts_.num_copies;
  }
  for (const ScheduledSequence& s : scheduled) compute(s);
  for (const ScheduledSequence& s : scheduled) {
    if (s.num_new_tokens == s.sequence->num_pending_tokens()) sample(request_of(*s.sequence));
  }
  for (const ScheduledSequence& s : scheduled) {
    scheduler_->mark_computed(s);
    if (s.sequence->params().max_tokens > 0) continue;
    if (s.sequence->num_computed_tokens() >= s.sequence->num_prompt_tokens()) {
      request_of(*s.sequence).has_ended = true;
    }
  }
  counts_.num_held += std::ranges::any_of(requests_, [](const Request& request) {
    return request.sequence->scheduling().place == Place::kHeld;
  });
  counts_.num_kept += !scheduler_->kept_blocks().empty();
  for (size_t i = requests_.size(); i-- > 0;) {
    if (!requests_[i].has_ended) continue;
    check_answer(requests_[i]);
    ++counts_.num_finished;
    end(i);
  }
}

void Simulation::compute(const ScheduledSequence& scheduled) {
  const Sequence& sequence = *scheduled.sequence;
  const int64_t begin = sequence.num_computed_tokens();
  const auto slot = [&](int64_t i) { return static_cast<size_t>(sequence.blocks().slot(i)); };
  uint64_t value = begin == 0 ? kBeginning : slots_[slot(begin - 1)];
  for (int64_t i = begin; i < begin + scheduled.num_new_tokens; ++i) {
    value = value_behind(value, sequence.token_ids()[static_cast<size_t>(i)]);
    slots_[slot(i)] = value;
  }
  counts_.num_tokens += scheduled.num_new_tokens;
}

void Simulation::sample(Request& request) {
  Sequence& sequence = *request.sequence;
  if (sequence.params().max_tokens == 0) return;
  const auto last = static_cast<size_t>(sequence.blocks().slot(sequence.num_tokens() - 1));
  const TokenId token = token_behind(slots_[last], request.salt);
  sequence.append(token);
  request.has_ended = token == request.stop_token || sequence.num_tokens() >= max_len_ ||
                      sequence.num_output_tokens() >= sequence.params().max_tokens;
}

int64_t Simulation::longest(const Request& request) const {
  const Sequence& sequence = *request.sequence;
  return std::min(max_len_, sequence.num_prompt_tokens() + sequence.params().max_tokens);
}

/// The first sequence moves in each step and keeps what it has, so the steps are bounded.
void Simulation::drain() {
  int64_t num_steps = 0;
  for (const Request& request : requests_) num_steps += longest(request);
  while (!requests_.empty() && failure_.empty()) {
    expect(num_steps-- > 0, "somebody starves");
    step();
    check_blocks();
  }
}

Simulation::Request& Simulation::request_of(const Sequence& sequence) {
  return *std::ranges::lower_bound(requests_, sequence.id(), {},
                                   [](const Request& request) { return request.sequence->id(); });
}

size_t Simulation::level_of(const Sequence& sequence) const {
  if (limits_.policy == SchedulingPolicy::kFcfs) return 0;
  return static_cast<size_t>(sequence.priority() + 1);
}

void Simulation::check_step(std::span<const ScheduledSequence> scheduled) {
  int64_t num_tokens = 0;
  for (const ScheduledSequence& s : scheduled) {
    num_tokens += s.num_new_tokens;
    expect(s.num_new_tokens > 0, "a sequence does not move");
    expect(s.num_new_tokens <= s.sequence->num_pending_tokens(), "tokens that are not there");
    expect(s.sequence->num_computed_tokens() + s.num_new_tokens <= s.sequence->blocks().capacity(),
           "no room for a token");
  }
  expect(num_tokens <= limits_.max_num_batched_tokens, "too many tokens in a step");
  expect(std::ssize(scheduled) <= limits_.max_num_seqs, "too many sequences in a step");
  expect(std::ssize(scheduled) == scheduler_->num_running(), "a running sequence is left out");
  expect(scheduled.empty() == requests_.empty(), "an empty step");
  expect(scheduler_->num_running() + scheduler_->num_waiting() == std::ssize(requests_),
         "neither running nor waiting");
}

int& Simulation::running_of(const Sequence& sequence) {
  return num_running_[level_of(sequence)][sequence.client_id()];
}

/// Brings the counts to those after all preemptions.
void Simulation::check_victims() {
  victims_.clear();
  std::vector<const Sequence*> others;
  for (const Request& request : requests_) {
    if (!request.ran_before) continue;
    const SchedulingState& state = request.sequence->scheduling();
    const bool goes_on = state.place == Place::kRunning && state.turn == request.turn_before;
    (goes_on ? others : victims_).push_back(request.sequence.get());
  }
  for (const Sequence* victim : victims_) --running_of(*victim);
  for (const Sequence* victim : victims_) {
    for (const Sequence* other : others) {
      const size_t level = level_of(*victim), least = level_of(*other);
      expect(level >= least, "one of a better priority is preempted");
      expect(level != least || running_of(*victim) + 1 >= running_of(*other),
             "one of a client that has less is preempted");
    }
  }
}

/// Follows the admissions of the step in their order.
void Simulation::check_order() {
  std::vector<const Sequence*> admitted;
  for (const Request& request : requests_) {
    const SchedulingState& state = request.sequence->scheduling();
    if (state.place == Place::kRunning && state.turn != request.turn_before) {
      admitted.push_back(request.sequence.get());
    }
  }
  std::ranges::sort(admitted, {}, [](const Sequence* s) { return s->scheduling().turn; });
  for (const Sequence* sequence : admitted) {
    check_admitted(*sequence);
    ++running_of(*sequence);
  }
}

void Simulation::check_admitted(const Sequence& sequence) {
  for (const Request& request : requests_) {
    const Sequence& other = *request.sequence;
    if (other.scheduling().place != Place::kWaiting || has_prompt_of_victim(other)) continue;
    const size_t own = level_of(sequence), theirs = level_of(other);
    expect(theirs >= own, "a better one waits");
    if (theirs != own) continue;
    expect(running_of(other) >= running_of(sequence), "a client of whom fewer run waits");
    const bool is_earlier = other.client_id() == sequence.client_id() && other.id() < sequence.id();
    expect(!is_earlier, "a client's later one begins");
  }
}

/// It may have been held when somebody else began.
bool Simulation::has_prompt_of_victim(const Sequence& sequence) const {
  const auto prompt_of = [](const Sequence& one) {
    return std::span(one.token_ids()).first(static_cast<size_t>(one.num_prompt_tokens()));
  };
  return std::ranges::any_of(victims_, [&](const Sequence* victim) {
    return victim != &sequence && std::ranges::equal(prompt_of(*victim), prompt_of(sequence));
  });
}

void Simulation::check_shares() {
  const bool is_settled = std::ranges::all_of(requests_, [](const Request& request) {
    const SchedulingState& state = request.sequence->scheduling();
    return request.ran_before == (state.place == Place::kRunning) &&
           state.turn == request.turn_before;
  });
  if (!is_settled) return;
  for (const Request& waiting : requests_) {
    if (waiting.sequence->scheduling().place != Place::kWaiting) continue;
    const size_t own = level_of(*waiting.sequence);
    for (const Request& running : requests_) {
      if (!running.ran_before) continue;
      const size_t theirs = level_of(*running.sequence);
      expect(theirs <= own, "a worse one has the place of one that waits");
      expect(theirs != own || running_of(*running.sequence) < running_of(*waiting.sequence) + 2,
             "a client has the place of one that waits");
    }
  }
}

void Simulation::check_blocks() {
  references_.assign(static_cast<size_t>(num_blocks_), 0);
  for (const BlockId block : scheduler_->kept_blocks()) ++references_[static_cast<size_t>(block)];
  for (const Request& request : requests_) {
    const Sequence& sequence = *request.sequence;
    const std::vector<BlockId>& blocks = sequence.blocks().blocks();
    const bool runs = sequence.scheduling().place == Place::kRunning;
    expect(runs || blocks.empty(), "who waits has blocks");
    for (const BlockId block : blocks) ++references_[static_cast<size_t>(block)];
    expect(!sequence.blocks().copied_block(), "a block is kept that was copied");
    for (auto i = static_cast<size_t>(sequence.num_computed_tokens() / block_size_);
         i < blocks.size(); ++i) {
      expect(blocks_->ref_count(blocks[i]) == 1, "a block that is written to is shared");
    }
  }
  int64_t num_free = 0;
  for (BlockId block = 0; block < num_blocks_; ++block) {
    const int32_t count = references_[static_cast<size_t>(block)];
    expect(blocks_->ref_count(block) == count, "a block's references are miscounted");
    num_free += count == 0;
  }
  expect(blocks_->num_free() == num_free, "free blocks are miscounted");
  if (prefixes_ != nullptr) check_known_texts();
}

/// A prefix is older than those that go on from it, so it was seen before them.
void Simulation::check_known_texts() {
  std::vector<PrefixCache::Text> texts;
  for (BlockId block = 0; block < num_blocks_; ++block) {
    if (prefixes_->holds(block)) texts.push_back(prefixes_->text_of(block));
  }
  std::ranges::sort(texts, {}, &PrefixCache::Text::prefix);
  for (const PrefixCache::Text& text : texts) {
    uint64_t value = prefix_values_[static_cast<size_t>(text.before)];
    for (size_t i = 0; i < text.tokens.size(); ++i) {
      value = value_behind(value, text.tokens[i]);
      const auto slot = static_cast<size_t>(text.block * block_size_) + i;
      expect(slots_[slot] == value, "a known block holds another text");
    }
    prefix_values_.resize(std::max(prefix_values_.size(), static_cast<size_t>(text.prefix) + 1));
    prefix_values_[static_cast<size_t>(text.prefix)] = value;
  }
}

void Simulation::check_answer(const Request& request) {
  const std::span<const TokenId> tokens = request.sequence->token_ids();
  const auto num_prompt = static_cast<size_t>(request.sequence->num_prompt_tokens());
  uint64_t value = kBeginning;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i >= num_prompt) {
      expect(tokens[i] == token_behind(value, request.salt), "not the answer it gets alone");
    }
    value = value_behind(value, tokens[i]);
  }
}

}  // namespace ernie
