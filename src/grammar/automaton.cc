#include "grammar/automaton.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

namespace ernie {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

/// Thompson's automaton.
struct NfaState {
  enum class Kind : uint8_t { kSet, kSplit, kBegin, kEnd, kAccept };
  Kind kind = Kind::kSplit;
  uint32_t value = 0;  // set, or expression
  uint32_t next = kNone, other = kNone;
};

struct StateSetHash {
  size_t operator()(const std::vector<uint32_t>& states) const {
    size_t hash = states.size();
    for (const uint32_t s : states) hash = (hash ^ s) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
  }
};

}  // namespace

/// Thompson's construction, then the subsets.
class Determinizer {
 public:
  Determinizer(const AcceptRule& rule, CompileBudget& budget, std::string_view place)
      : rule_(rule), budget_(budget), place_(place) {}

  Result<DfaPtr> run(std::span<const RegexPtr> expressions);

 private:
  using Kind = RegexNode::Kind;
  struct Subset {
    std::vector<uint32_t> states;
    bool is_begin;
  };

  bool spend(size_t work) { return failed_ = failed_ || !budget_.spend(work), !failed_; }
  uint32_t add(NfaState state);
  uint32_t set_id(const CodePointSet& set);
  uint32_t build(const RegexNode& node, uint32_t next);
  uint32_t build_repeat(const RegexNode& node, uint32_t next);
  void make_classes();
  void close(std::vector<uint32_t>& states, bool at_begin, bool at_end);
  uint32_t subset_id(std::vector<uint32_t> states);
  void accept(uint32_t subset);
  void expand(uint32_t subset);

  const AcceptRule& rule_;
  CompileBudget& budget_;
  std::string_view place_;
  bool failed_ = false;
  std::vector<NfaState> nfa_;
  std::map<CodePointSet, uint32_t> set_ids_;
  std::vector<std::vector<uint32_t>> classes_of_set_;
  std::unordered_map<std::vector<uint32_t>, uint32_t, StateSetHash> ids_;
  std::vector<const std::vector<uint32_t>*> subsets_;
  std::vector<std::vector<uint32_t>> successors_;  // by class, while a subset is expanded
  std::vector<uint32_t> seen_, stack_;
  uint32_t round_ = 0;
  std::shared_ptr<Dfa> dfa_;
};

uint32_t Determinizer::add(NfaState state) {
  if (!spend(64)) return 0;  // what bounds its memory
  nfa_.push_back(state);
  return static_cast<uint32_t>(nfa_.size() - 1);
}

uint32_t Determinizer::set_id(const CodePointSet& set) {
  return set_ids_.try_emplace(set, static_cast<uint32_t>(set_ids_.size())).first->second;
}

uint32_t Determinizer::build(const RegexNode& node, uint32_t next) {
  if (!spend(1)) return 0;
  switch (node.kind) {
    case Kind::kText:
      for (auto c = node.text.rbegin(); c != node.text.rend(); ++c) {
        next = add({NfaState::Kind::kSet, set_id({{*c, *c}}), next, kNone});
      }
      return next;
    case Kind::kSet:
      return add({NfaState::Kind::kSet, set_id(node.set), next, kNone});
    case Kind::kSequence:
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) {
        next = build(**child, next);
      }
      return next;
    case Kind::kChoice: {
      uint32_t first = kNone;
      for (const RegexPtr& child : node.children) {
        first = add({NfaState::Kind::kSplit, 0, build(*child, next), first});
      }
      return first == kNone ? add({}) : first;
    }
    case Kind::kRepeat:
      return build_repeat(node, next);
    case Kind::kBegin:
      return add({NfaState::Kind::kBegin, 0, next, kNone});
    case Kind::kEnd:
      return add({NfaState::Kind::kEnd, 0, next, kNone});
    case Kind::kRule:
      break;
  }
  return add({});  // a rule is never part of an automaton
}

uint32_t Determinizer::build_repeat(const RegexNode& node, uint32_t next) {
  const RegexNode& child = *node.children[0];
  if (node.max == kUnbounded) {
    const uint32_t loop = add({NfaState::Kind::kSplit, 0, kNone, next});
    const uint32_t body = build(child, loop);
    if (failed_) return 0;
    nfa_[loop].next = body;
    next = loop;
  } else {
    const uint32_t end = next;
    for (uint32_t i = node.min; i < node.max && !failed_; ++i) {
      next = add({NfaState::Kind::kSplit, 0, build(child, next), end});
    }
  }
  for (uint32_t i = 0; i < node.min && !failed_; ++i) next = build(child, next);
  return next;
}

/// Ranges of characters that no set tells apart share a class.
void Determinizer::make_classes() {
  std::vector<char32_t> firsts = {0, 128};
  for (const auto& [set, id] : set_ids_) {
    for (const auto& range : set.ranges()) {
      firsts.push_back(range.first);
      if (range.last < kMaxCodePoint) firsts.push_back(range.last + 1);
    }
  }
  std::sort(firsts.begin(), firsts.end());
  firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
  std::vector<std::vector<uint32_t>> sets_of_range(firsts.size());
  for (const auto& [set, id] : set_ids_) {
    for (const auto& range : set.ranges()) {
      auto at = std::lower_bound(firsts.begin(), firsts.end(), range.first) - firsts.begin();
      for (; at < std::ssize(firsts) && firsts[at] <= range.last; ++at) {
        if (!spend(1)) return;
        sets_of_range[at].push_back(id);
      }
    }
  }
  std::map<std::vector<uint32_t>, uint32_t> class_ids;
  classes_of_set_.resize(set_ids_.size());
  dfa_->ascii_.resize(128);
  for (size_t i = 0; i < firsts.size(); ++i) {
    const auto next_id = static_cast<uint32_t>(class_ids.size());
    const auto [it, is_new] = class_ids.try_emplace(sets_of_range[i], next_id);
    if (is_new) {
      dfa_->class_sizes_.push_back(0);
      for (const uint32_t set : sets_of_range[i]) classes_of_set_[set].push_back(next_id);
    }
    const char32_t end = i + 1 < firsts.size() ? firsts[i + 1] : kMaxCodePoint + 1;
    dfa_->class_sizes_[it->second] += end - firsts[i];
    for (char32_t c = firsts[i]; c < end && c < 128; ++c) dfa_->ascii_[c] = it->second;
    dfa_->classes_.push_back(it->second);
  }
  dfa_->firsts_ = std::move(firsts);
  dfa_->num_classes_ = static_cast<uint32_t>(class_ids.size());
}

/// Everything that is reached without reading: only what reads, ends or accepts is kept.
void Determinizer::close(std::vector<uint32_t>& states, bool at_begin, bool at_end) {
  ++round_;
  seen_.resize(nfa_.size(), 0);
  stack_.assign(states.begin(), states.end());
  states.clear();
  while (!stack_.empty()) {
    const uint32_t s = stack_.back();
    stack_.pop_back();
    if (s == kNone || seen_[s] == round_) continue;
    seen_[s] = round_;
    if (!spend(1)) return;
    const NfaState& state = nfa_[s];
    const bool passes = state.kind == NfaState::Kind::kSplit ||
                        (state.kind == NfaState::Kind::kBegin && at_begin) ||
                        (state.kind == NfaState::Kind::kEnd && at_end);
    if (passes) {
      stack_.push_back(state.next);
      stack_.push_back(state.other);
    }
    // A mark that does not hold here may be followed at the end, also a beginning of an empty text.
    const bool is_mark = state.kind == NfaState::Kind::kEnd;
    if (state.kind == NfaState::Kind::kSet || state.kind == NfaState::Kind::kAccept || is_mark) {
      states.push_back(s);
    }
  }
  std::sort(states.begin(), states.end());
}

uint32_t Determinizer::subset_id(std::vector<uint32_t> states) {
  const auto next_id = static_cast<uint32_t>(ids_.size());
  const auto [it, is_new] = ids_.try_emplace(std::move(states), next_id);
  if (!is_new) return it->second;
  if (ids_.size() > budget_.limits().max_states || !spend(dfa_->num_classes_)) {
    failed_ = true;
    return 0;
  }
  subsets_.push_back(&it->first);
  dfa_->next_.resize(dfa_->next_.size() + dfa_->num_classes_, Dfa::kDead);
  accept(next_id);
  return next_id;
}

void Determinizer::accept(uint32_t subset) {
  std::vector<uint32_t> states = *subsets_[subset];
  // The first subset is the one where nothing was read: there a text may begin and end at once.
  close(states, subset == 0, true);
  std::vector<uint32_t> matching;
  for (const uint32_t s : states) {
    if (nfa_[s].kind == NfaState::Kind::kAccept) matching.push_back(nfa_[s].value);
  }
  std::sort(matching.begin(), matching.end());
  matching.erase(std::unique(matching.begin(), matching.end()), matching.end());
  const uint32_t mark = rule_(matching);
  dfa_->accepting_.push_back(mark != Dfa::kDead);
  dfa_->marks_.push_back(mark);
}

void Determinizer::expand(uint32_t subset) {
  successors_.resize(dfa_->num_classes_);
  for (auto& successor : successors_) successor.clear();
  for (const uint32_t s : *subsets_[subset]) {
    if (nfa_[s].kind != NfaState::Kind::kSet) continue;
    const auto& classes = classes_of_set_[nfa_[s].value];
    if (!spend(classes.size())) return;
    for (const uint32_t c : classes) successors_[c].push_back(nfa_[s].next);
  }
  for (uint32_t c = 0; c < dfa_->num_classes_; ++c) {
    std::vector<uint32_t> states = successors_[c];
    close(states, false, false);
    if (failed_) return;
    const uint32_t id = subset_id(std::move(states));
    if (failed_) return;
    dfa_->next_[size_t{subset} * dfa_->num_classes_ + c] = id;
  }
}

Result<DfaPtr> Determinizer::run(std::span<const RegexPtr> expressions) {
  dfa_ = std::shared_ptr<Dfa>(new Dfa());
  std::vector<uint32_t> start;
  for (size_t i = 0; i < expressions.size() && !failed_; ++i) {
    const uint32_t end = add({NfaState::Kind::kAccept, static_cast<uint32_t>(i), kNone, kNone});
    start.push_back(build(*expressions[i], end));
  }
  if (!failed_) make_classes();
  if (!failed_) {
    close(start, true, false);
    const bool has_begin = std::any_of(nfa_.begin(), nfa_.end(), [](const NfaState& state) {
      return state.kind == NfaState::Kind::kBegin;
    });
    if (has_begin) {  // then it must hold in a state alone that nothing leads back to
      start.push_back(static_cast<uint32_t>(nfa_.size()));
      nfa_.push_back({});
    }
    dfa_->start_ = subset_id(std::move(start));
  }
  for (uint32_t i = 0; i < subsets_.size() && !failed_; ++i) expand(i);
  if (failed_) return too_complex(place_);
  dfa_->trim();
  dfa_->count_texts();
  return DfaPtr(dfa_);
}

Dfa::Dfa() {
  static std::atomic<uint64_t> next_id{1};
  id_ = next_id++;
}

uint32_t Dfa::class_of(char32_t c) const {
  return classes_[std::upper_bound(firsts_.begin(), firsts_.end(), c) - firsts_.begin() - 1];
}

bool Dfa::can_follow(uint32_t state, char32_t first, char32_t last) const {
  auto at = std::upper_bound(firsts_.begin(), firsts_.end(), first) - firsts_.begin() - 1;
  for (; at < std::ssize(firsts_) && firsts_[at] <= last; ++at) {
    if (next_[state * num_classes_ + classes_[at]] != kDead) return true;
  }
  return false;
}

uint64_t Dfa::num_texts(uint32_t state, char32_t first, char32_t last) const {
  uint64_t sum = 0;
  auto at = std::upper_bound(firsts_.begin(), firsts_.end(), first) - firsts_.begin() - 1;
  for (; at < std::ssize(firsts_) && firsts_[at] <= last; ++at) {
    const uint32_t t = next_[state * num_classes_ + classes_[at]];
    if (t == kDead) continue;
    if (num_texts_[t] == kInfinite) return kInfinite;
    const char32_t end = at + 1 < std::ssize(firsts_) ? firsts_[at + 1] - 1 : kMaxCodePoint;
    const uint64_t size = std::min(end, last) - std::max(firsts_[at], first) + uint64_t{1};
    sum += size * num_texts_[t];  // both are below 2^32 in all
  }
  return sum;
}

uint32_t Dfa::state_after(std::u32string_view text) const {
  uint32_t state = start_;
  for (size_t i = 0; i < text.size() && state != kDead; ++i) state = next(state, text[i]);
  return state;
}

std::shared_ptr<const Dfa> Dfa::restricted(const std::function<bool(uint32_t)>& keeps) const {
  const std::shared_ptr<Dfa> copy(new Dfa(*this));
  copy->id_ = Dfa().id_;
  for (size_t s = 0; s < num_states(); ++s) {
    if (copy->accepting_[s] && !keeps(marks_[s])) copy->accepting_[s] = false;
  }
  copy->trim();
  copy->count_texts();
  return copy;
}

/// Leads to nowhere what leads to no end.
void Dfa::trim() {
  const size_t n = num_states();
  std::vector<std::vector<uint32_t>> before(n);
  std::vector<uint32_t> open;
  std::vector<uint8_t> is_live(n, 0);
  for (uint32_t s = 0; s < n; ++s) {
    for (uint32_t c = 0; c < num_classes_; ++c) {
      const uint32_t t = next_[s * num_classes_ + c];
      if (t != kDead && (before[t].empty() || before[t].back() != s)) before[t].push_back(s);
    }
    if (!accepting_[s]) continue;
    is_live[s] = 1;
    open.push_back(s);
  }
  while (!open.empty()) {
    const uint32_t t = open.back();
    open.pop_back();
    for (const uint32_t s : before[t]) {
      if (std::exchange(is_live[s], 1) == 0) open.push_back(s);
    }
  }
  has_next_.assign(n, 0);
  for (size_t i = 0; i < next_.size(); ++i) {
    if (next_[i] != kDead && !is_live[next_[i]]) next_[i] = kDead;
    if (next_[i] != kDead) has_next_[i / num_classes_] = 1;
  }
  if (start_ != kDead && !is_live[start_]) start_ = kDead;
}

/// Backwards from the states that nothing follows; those on a cycle never come up and keep
/// infinity.
void Dfa::count_texts() {
  constexpr uint64_t kMany = uint64_t{1} << 32;
  const size_t n = num_states();
  num_texts_.assign(n, kInfinite);
  std::vector<uint32_t> num_open(n, 0), ready;
  std::vector<std::vector<uint32_t>> before(n);
  for (uint32_t s = 0; s < n; ++s) {
    for (uint32_t c = 0; c < num_classes_; ++c) {
      const uint32_t t = next_[s * num_classes_ + c];
      if (t == kDead) continue;
      ++num_open[s];
      before[t].push_back(s);
    }
    if (num_open[s] == 0) ready.push_back(s);
  }
  while (!ready.empty()) {
    const uint32_t s = ready.back();
    ready.pop_back();
    uint64_t sum = accepting_[s];
    for (uint32_t c = 0; c < num_classes_; ++c) {
      const uint32_t t = next_[s * num_classes_ + c];
      if (t == kDead) continue;
      sum += class_sizes_[c] * std::min(num_texts_[t], kMany);
      sum = std::min(sum, kMany);
    }
    num_texts_[s] = sum == kMany ? kInfinite : sum;
    for (const uint32_t t : before[s]) {
      if (--num_open[t] == 0) ready.push_back(t);
    }
  }
}

Result<DfaPtr> make_dfa(std::span<const RegexPtr> expressions, const AcceptRule& rule,
                        CompileBudget& budget, std::string_view place) {
  return Determinizer(rule, budget, place).run(expressions);
}

Result<DfaPtr> make_dfa(const RegexPtr& expression, CompileBudget& budget, std::string_view place) {
  const AcceptRule rule = [](std::span<const uint32_t> matching) {
    return matching.empty() ? Dfa::kDead : 0;
  };
  return make_dfa(std::span(&expression, 1), rule, budget, place);
}

}  // namespace ernie
