#include "grammar/token_grammar.h"

#include <algorithm>

#include "grammar/json_automata.h"
#include "grammar/matcher.h"
#include "grammar/text_masks.h"

namespace ernie {
namespace {

constexpr size_t kMaxCachedBytes = size_t{64} << 20;
/// Elementary steps for one mask; about a tenth of a second.
constexpr uint64_t kMaxWorkPerMask = 400'000;
constexpr uint64_t kMaxWorkPerToken = 400'000;
/// Automata of a grammar whose first masks are worked out before its first request runs.
constexpr int kMaxWarmed = 96;

class TreeVocabulary final : public TokenVocabulary {
 public:
  TreeVocabulary(const Tokenizer& tokenizer, int64_t vocab_size)
      : tree_(tokenizer, vocab_size), masks_(tree_, kMaxCachedBytes) {}

  int64_t vocab_size() const override { return tree_.vocab_size(); }
  size_t num_bytes() const override { return tree_.num_bytes() + masks_.num_bytes(); }
  const TokenTree& tree() const { return tree_; }
  TextMasks& masks() const { return masks_; }

 private:
  TokenTree tree_;
  mutable TextMasks masks_;
};

class GrammarConstraint final : public TokenConstraint {
 public:
  GrammarConstraint(std::shared_ptr<const Grammar> grammar,
                    std::shared_ptr<const TreeVocabulary> vocabulary)
      : grammar_(std::move(grammar)),
        vocabulary_(std::move(vocabulary)),
        matcher_(*grammar_),
        state_(matcher_.begin()) {
    warm();
  }

  void restrict_to_allowed(std::span<uint64_t> allowed) override;
  bool can_end() const override { return state_.is_complete && !matcher_.has_failed(); }
  bool accept(int32_t token_id) override;

 private:
  const TokenTree& tree() const { return vocabulary_->tree(); }
  void warm();
  void allow(const TokenTree::Node& node);
  void add_masks(const TextMask& mask);
  void add_stack(const Stack& stack, MatchState& others);
  void add_string(const Stack& stack);
  void add_key(const Stack& stack);
  void add_text(const Stack& stack);
  void walk(const MatchState& state, uint32_t node);
  bool may_be_taken(const Stack& stack, const TextMask::Exit& exit) const;
  MatchState read_again(const Stack& stack, uint32_t node);

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TreeVocabulary> vocabulary_;
  Matcher matcher_;
  MatchState state_;
  std::vector<uint64_t> mask_;    // of the tokens that may come next
  std::vector<MatchState> path_;  // of a walk, by depth
};

/// The dearest masks are those where a text begins: they are made here, on the caller's thread, and
/// not between two steps.
void GrammarConstraint::warm() {
  int num_left = kMaxWarmed;
  const auto warm_one = [&](const DfaPtr& dfa, const TextPlace& place) {
    if (dfa == nullptr || place.state == Dfa::kDead || num_left-- <= 0) return;
    static_cast<void>(vocabulary_->masks().get(*dfa, place));
  };
  if (grammar_->text != nullptr) {
    warm_one(grammar_->text, {.state = grammar_->text->start(), .is_last = true});
  }
  for (const ValueNode& node : grammar_->nodes) {
    for (const StringShape& s : node.strings) {
      // With a bound on the characters every number of them that is left has a mask of its own.
      const auto far = static_cast<uint32_t>(tree().max_depth()) + 1;
      const uint32_t num_bounded = s.max_length == kUnbounded ? 0 : std::min(s.max_length, far);
      const uint32_t first = s.max_length == kUnbounded ? 0 : s.max_length - num_bounded;
      warm_one(s.content, {true, s.content->start(), 0, s.max_length, s.min_length});
      for (uint32_t n = first; n < first + num_bounded && s.content == text_automaton(); ++n) {
        warm_one(s.content, {true, s.content->start(), 0, s.max_length - n,
                             s.min_length - std::min(s.min_length, n)});
      }
    }
    for (const ObjectShape& o : node.objects) warm_one(o.keys, {true, o.keys->start()});
  }
  for (const RuleState& state : grammar_->rule_states) {
    for (const RuleState::Edge& edge : state.edges) {
      if (edge.text != nullptr) warm_one(edge.text, {false, edge.text->start()});
    }
  }
}

void GrammarConstraint::allow(const TokenTree::Node& node) {
  for (const int32_t t : tree().tokens(node)) {
    mask_[static_cast<size_t>(t) / 64] |= uint64_t{1} << t % 64;
  }
}

void GrammarConstraint::add_masks(const TextMask& mask) {
  for (size_t i = 0; i < mask_.size(); ++i) mask_[i] |= mask.allowed[i];
}

/// Allows the tokens at and below a node that the state, reached at its parent or at it, can read.
void GrammarConstraint::walk(const MatchState& state, uint32_t first) {
  const auto nodes = tree().nodes();
  const size_t base = nodes[first].depth;
  path_.resize(tree().max_depth() + 1);
  path_[base] = state;
  for (uint32_t i = first + 1; i < nodes[first].end && !matcher_.has_failed();) {
    const TokenTree::Node& node = nodes[i];
    path_[node.depth] = matcher_.step(path_[node.depth - 1u], node.byte);
    const bool is_dead = path_[node.depth].is_dead();
    if (!is_dead) allow(node);
    i = path_[node.depth].stacks.empty() ? node.end : i + 1;
  }
}

/// Within a string: what stays in it is known, what goes beyond its end is walked.
void GrammarConstraint::add_string(const Stack& stack) {
  const Frame& frame = stack->frame;
  const StringShape& shape = frame.string();
  TextPlace place{true, frame.state, frame.character};
  if (shape.max_length != kUnbounded) place.num_left = shape.max_length - frame.count;
  place.num_needed = shape.min_length - std::min(shape.min_length, frame.count);
  const auto mask = vocabulary_->masks().get(*shape.content, place);
  add_masks(*mask);
  MatchState after;
  Frame closed = frame;
  closed.count = std::max(frame.count, shape.min_length);
  bool is_known = false;
  for (const TextMask::Exit& exit : mask->exits) {
    if (!is_known) {  // what follows is the same for all of them
      closed.state = exit.state;
      matcher_.close_text(push(closed, stack->below), after);
      is_known = true;
    }
    if (tree().nodes()[exit.node].end > exit.node + 1) walk(after, exit.node);
  }
}

/// Whether the key that ends at an exit may be there already.
bool GrammarConstraint::may_be_taken(const Stack& stack, const TextMask::Exit& exit) const {
  const std::string& text = stack->frame.text;
  const auto nodes = tree().nodes();
  for (const KeyList* k = stack->below->frame.keys.get(); k != nullptr; k = k->before.get()) {
    if (!k->key.starts_with(text)) continue;
    if (exit.has_escape) return true;
    // From the last byte backwards.
    size_t left = k->key.size();
    uint32_t node = nodes[exit.node].parent;
    while (node != 0 && left > text.size() &&
           static_cast<uint8_t>(k->key[left - 1]) == nodes[node].byte) {
      --left;
      node = nodes[node].parent;
    }
    if (node == 0 && left == text.size()) return true;
  }
  return false;
}

MatchState GrammarConstraint::read_again(const Stack& stack, uint32_t node) {
  std::string bytes;
  for (; node != 0; node = tree().nodes()[node].parent) {
    bytes += static_cast<char>(tree().nodes()[node].byte);
  }
  MatchState state;
  state.stacks.push_back(stack);
  for (auto b = bytes.rbegin(); b != bytes.rend(); ++b) {
    state = matcher_.step(state, static_cast<uint8_t>(*b));
  }
  return state;
}

/// Within a key that may be any of very many: the same, but that a key must not come twice.
void GrammarConstraint::add_key(const Stack& stack) {
  const Frame& frame = stack->frame;
  const ObjectShape& shape = frame.object();
  const auto mask = vocabulary_->masks().get(*shape.keys, {true, frame.state, frame.character});
  std::vector<uint64_t> own = mask->allowed;
  const auto nodes = tree().nodes();
  for (const TextMask::Exit& exit : mask->exits) {
    const TokenTree::Node& node = nodes[exit.node];
    const bool has_more = node.end > exit.node + 1;
    if (!has_more && !may_be_taken(stack, exit)) continue;
    const MatchState after = read_again(stack, exit.node);
    if (has_more) walk(after, exit.node);
    if (!after.is_dead()) continue;
    for (const int32_t t : tree().tokens(node)) {
      own[static_cast<size_t>(t) / 64] &= ~(uint64_t{1} << t % 64);
    }
  }
  for (size_t i = 0; i < mask_.size(); ++i) mask_[i] |= own[i];
}

void GrammarConstraint::add_text(const Stack& stack) {
  const Frame& frame = stack->frame;
  TextPlace place{false, frame.state, frame.character};
  place.is_last = stack->below == nullptr;
  const auto mask = vocabulary_->masks().get(frame.dfa(), place);
  add_masks(*mask);
  if (mask->next_nodes.empty()) return;
  MatchState below;
  matcher_.pop(stack, below);
  for (size_t b = 0; b < 256; ++b) {
    const uint32_t begin = mask->first_of_byte[b], end = mask->first_of_byte[b + 1];
    if (begin == end) continue;
    const MatchState after = matcher_.step(below, static_cast<uint8_t>(b));
    if (after.is_dead()) continue;
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t node = mask->next_nodes[i];
      allow(tree().nodes()[node]);
      if (!after.stacks.empty()) walk(after, node);
    }
  }
}

void GrammarConstraint::add_stack(const Stack& stack, MatchState& others) {
  const Frame& frame = stack->frame;
  if (frame.kind == Frame::Kind::kString) return add_string(stack);
  if (frame.kind == Frame::Kind::kText) return add_text(stack);
  if (frame.kind == Frame::Kind::kKey) {
    const ObjectShape& shape = frame.object();
    const Frame& object = stack->below->frame;
    // Where keys may run out, or some must come, every step is looked at.
    const bool is_free = shape.keys->num_texts(frame.state) == Dfa::kInfinite &&
                         shape.max_members - object.count > object.num_required + 1;
    if (is_free) return add_key(stack);
  }
  others.stacks.push_back(stack);
}

void GrammarConstraint::restrict_to_allowed(std::span<uint64_t> allowed) {
  mask_.assign((static_cast<size_t>(tree().vocab_size()) + 63) / 64, 0);
  matcher_.reset_work(kMaxWorkPerMask);
  MatchState others;
  for (const Stack& stack : state_.stacks) add_stack(stack, others);
  if (!others.stacks.empty()) walk(others, 0);
  if (matcher_.has_failed()) mask_.assign(mask_.size(), 0);
  for (size_t i = 0; i < allowed.size(); ++i) allowed[i] &= i < mask_.size() ? mask_[i] : 0;
}

bool GrammarConstraint::accept(int32_t token_id) {
  const std::string_view bytes = tree().bytes(token_id);
  if (bytes.empty() || matcher_.has_failed()) return false;
  matcher_.reset_work(kMaxWorkPerToken);
  MatchState state = state_;
  for (const char byte : bytes) {
    state = matcher_.step(state, static_cast<uint8_t>(byte));
    if (state.is_dead()) return false;
  }
  if (matcher_.has_failed()) return false;
  state_ = std::move(state);
  return true;
}

}  // namespace

std::shared_ptr<const TokenVocabulary> TokenVocabulary::create(const Tokenizer& tokenizer,
                                                               int64_t vocab_size) {
  return std::make_shared<const TreeVocabulary>(tokenizer, vocab_size);
}

std::shared_ptr<TokenConstraint> make_constraint(
    std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenVocabulary> vocabulary) {
  // create() makes no other kind.
  return std::make_shared<GrammarConstraint>(
      std::move(grammar), std::static_pointer_cast<const TreeVocabulary>(std::move(vocabulary)));
}

}  // namespace ernie
