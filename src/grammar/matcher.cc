#include "grammar/matcher.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "base/utf8.h"
#include "grammar/array_endings.h"
#include "grammar/json_characters.h"

namespace ernie {
namespace {

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

uint64_t hash_of(const Frame& frame, uint64_t below) {
  uint64_t hash = mix(below, static_cast<uint64_t>(frame.kind) << 32 | frame.id);
  hash = mix(hash, uint64_t{frame.state} << 32 | frame.count);
  hash = mix(hash, uint64_t{frame.character} << 32 | frame.num_required);
  hash = mix(hash, frame.bits);
  hash = mix(hash, reinterpret_cast<uintptr_t>(frame.shape));
  hash = mix(hash, reinterpret_cast<uintptr_t>(frame.keys.get()));
  return frame.text.empty() ? hash : mix(hash, std::hash<std::string>()(frame.text));
}

bool has_key(const KeyListPtr& keys, std::string_view key) {
  for (const KeyList* k = keys.get(); k != nullptr; k = k->before.get()) {
    if (k->key == key) return true;
  }
  return false;
}

// Of the counters of an array.
constexpr int kCounterBits = 20;
constexpr uint64_t kMaxCount = (1u << kCounterBits) - 1;
uint64_t counted(uint64_t bits, size_t counter) {
  return bits >> kCounterBits * counter & kMaxCount;
}

}  // namespace

Stack push(Frame frame, Stack below) {
  auto* node = new StackNode;
  node->hash = hash_of(frame, below ? below->hash : 1);
  node->depth = below ? below->depth + 1 : 1;
  node->frame = std::move(frame);
  node->below = std::move(below);
  return Stack(node);
}

bool same_stack(const Stack& a, const Stack& b) {
  const StackNode *x = a.get(), *y = b.get();
  while (x != y) {
    if (x == nullptr || y == nullptr || x->hash != y->hash || !(x->frame == y->frame)) return false;
    x = x->below.get();
    y = y->below.get();
  }
  return true;
}

bool Matcher::spend() {
  has_failed_ = has_failed_ || ++work_ > work_limit_;
  return !has_failed_;
}

MatchState Matcher::begin() {
  MatchState state;
  Frame frame;
  switch (grammar_.kind) {
    case Grammar::Kind::kText:
      frame.kind = Frame::Kind::kText;
      frame.shape = grammar_.text.get();
      frame.state = grammar_.text->start();
      break;
    case Grammar::Kind::kValue:
      frame.id = grammar_.root;
      break;
    case Grammar::Kind::kRules:
      frame.kind = Frame::Kind::kRule;
      frame.id = grammar_.root;
      break;
  }
  settle(push(std::move(frame), nullptr), state);
  return state;
}

MatchState Matcher::step(const MatchState& state, uint8_t byte) {
  MatchState next;
  for (const Stack& stack : state.stacks) advance(stack, byte, next);
  return next;
}

void Matcher::advance(const Stack& stack, uint8_t byte, MatchState& next) {
  if (!spend()) return;
  const Frame& frame = stack->frame;
  switch (frame.kind) {
    case Frame::Kind::kValue:
      return begin_value(frame.id, stack->below, byte, next);
    case Frame::Kind::kColon: {
      if (byte != ':') return;
      Frame value;
      value.id = frame.id;
      return add(push(std::move(value), stack->below), next);
    }
    case Frame::Kind::kText:
      return read_text(stack, byte, next);
    case Frame::Kind::kString:
      return read_string(stack, byte, next);
    case Frame::Kind::kKey:
      return read_key(stack, byte, next);
    case Frame::Kind::kNumber:
      return read_number(stack, byte, next);
    case Frame::Kind::kArray:
      return read_array(stack, byte, next);
    case Frame::Kind::kObject:
      return read_object(stack, byte, next);
    case Frame::Kind::kRule:
      break;  // never on top
  }
}

void Matcher::add(Stack stack, MatchState& next) {
  for (const Stack& other : next.stacks) {
    if (same_stack(stack, other)) return;
  }
  if (next.stacks.size() >= kMaxStacks) {
    has_failed_ = true;
    return;
  }
  next.stacks.push_back(std::move(stack));
}

/// Adds a stack, and those below it where its top may be done already.
void Matcher::settle(const Stack& stack, MatchState& next) {
  if (stack == nullptr) {
    next.is_complete = true;
    return;
  }
  if (!spend()) return;
  if (++settle_depth_ > kMaxSettleDepth) has_failed_ = true;
  if (!has_failed_) settle_top(stack, next);
  --settle_depth_;
}

void Matcher::settle_top(const Stack& stack, MatchState& next) {
  const Frame& frame = stack->frame;
  if (frame.kind == Frame::Kind::kRule) return settle_rule(stack, next);
  if (frame.kind == Frame::Kind::kText && frame.character == 0) {
    if (frame.dfa().accepts(frame.state)) settle(stack->below, next);
    if (!frame.dfa().has_next(frame.state)) return;
  }
  if (frame.kind == Frame::Kind::kNumber && frame.number().accepts(frame.text)) {
    settle(stack->below, next);
  }
  add(stack, next);
}

/// What comes behind a call: nothing to return to if the rule ends there.
Stack Matcher::onto(uint32_t rule_state, const Stack& below) {
  if (grammar_.rule_states[rule_state].is_only_end()) return below;
  Frame frame;
  frame.kind = Frame::Kind::kRule;
  frame.id = rule_state;
  return push(std::move(frame), below);
}

void Matcher::settle_rule(const Stack& stack, MatchState& next) {
  if (stack->depth > kMaxDepth) return;
  const RuleState& state = grammar_.rule_states[stack->frame.id];
  for (const RuleState::Edge& edge : state.edges) {
    Frame frame;
    if (edge.text != nullptr) {
      frame.kind = Frame::Kind::kText;
      frame.shape = edge.text.get();
      frame.state = edge.text->start();
    } else {
      frame.kind = Frame::Kind::kRule;
      frame.id = edge.callee;
    }
    settle(push(std::move(frame), onto(edge.target, stack->below)), next);
    if (has_failed_) return;
  }
  if (state.is_end) settle(stack->below, next);
}

void Matcher::read_text(const Stack& stack, uint8_t byte, MatchState& next) {
  const Frame& frame = stack->frame;
  const Dfa& dfa = frame.dfa();
  const auto read = CharacterReader::read_utf8(frame.character, byte);
  Frame after = frame;
  after.character = read.state;
  if (read.event == CharacterReader::Event::kPending) {
    if (CharacterReader::can_finish(read.state, dfa, frame.state)) {
      add(push(std::move(after), stack->below), next);
    }
  } else if (read.event == CharacterReader::Event::kCharacter) {
    after.state = dfa.next(frame.state, read.code_point);
    if (after.state != Dfa::kDead) settle(push(std::move(after), stack->below), next);
  }
}

void Matcher::begin_value(NodeId node_id, const Stack& below, uint8_t byte, MatchState& next) {
  const ValueNode& node = grammar_.nodes[node_id];
  const auto begin = [](Frame::Kind kind, const void* shape) {
    Frame frame;
    frame.kind = kind;
    frame.shape = shape;
    return frame;
  };
  for (const DfaPtr& literal : node.literals) {
    Frame frame = begin(Frame::Kind::kText, literal.get());
    frame.state = literal->next(literal->start(), byte < 128 ? byte : 0);
    if (frame.state != Dfa::kDead) settle(push(std::move(frame), below), next);
  }
  if (byte == '"') {
    for (const StringShape& shape : node.strings) {
      Frame frame = begin(Frame::Kind::kString, &shape);
      frame.state = shape.content->start();
      add(push(std::move(frame), below), next);
    }
  } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
    for (const NumberSet& numbers : node.numbers) {
      Frame frame = begin(Frame::Kind::kNumber, &numbers);
      frame.text = static_cast<char>(byte);
      if (numbers.can_begin(frame.text)) settle(push(std::move(frame), below), next);
    }
  } else if (below && below->depth >= kMaxDepth) {
    return;  // nothing that nests
  } else if (byte == '[') {
    for (const ArrayShape& shape : node.arrays) {
      add(push(begin(Frame::Kind::kArray, &shape), below), next);
    }
  } else if (byte == '{') {
    for (const ObjectShape& shape : node.objects) {
      Frame frame = begin(Frame::Kind::kObject, &shape);
      frame.num_required = static_cast<uint32_t>(shape.required.size());
      add(push(std::move(frame), below), next);
    }
  }
}

void Matcher::read_string(const Stack& stack, uint8_t byte, MatchState& next) {
  const Frame& frame = stack->frame;
  const StringShape& shape = frame.string();
  const auto read = CharacterReader::read_json(frame.character, byte);
  if (read.event == CharacterReader::Event::kQuote) return close_text(stack, next);
  if (read.event == CharacterReader::Event::kRefused || frame.count >= shape.max_length) return;
  Frame after = frame;
  after.character = read.state;
  if (read.event == CharacterReader::Event::kPending) {
    if (!CharacterReader::can_finish(read.state, *shape.content, frame.state)) return;
  } else {
    after.state = shape.content->next(frame.state, read.code_point);
    if (after.state == Dfa::kDead) return;
    ++after.count;
  }
  add(push(std::move(after), stack->below), next);
}

void Matcher::close_text(const Stack& stack, MatchState& next) {
  const Frame& frame = stack->frame;
  if (frame.kind == Frame::Kind::kKey) return close_key(stack, next);
  const StringShape& shape = frame.string();
  if (shape.content->accepts(frame.state) && frame.count >= shape.min_length) {
    settle(stack->below, next);
  }
}

void Matcher::read_number(const Stack& stack, uint8_t byte, MatchState& next) {
  Frame after = stack->frame;
  after.text += static_cast<char>(byte);
  if (after.number().can_begin(after.text)) settle(push(std::move(after), stack->below), next);
}

void Matcher::read_array(const Stack& stack, uint8_t byte, MatchState& next) {
  const Frame& frame = stack->frame;
  const ArrayShape& shape = frame.array();
  if (byte == ']') {
    if (frame.count < shape.min_elements) return;
    for (size_t c = 0; c < shape.counters.size(); ++c) {
      if (counted(frame.bits, c) < shape.counters[c].min) return;
    }
    return settle(stack->below, next);
  }
  if (frame.state == kArrayBegin) return begin_element(stack, next, &byte);
  if (byte == ',') begin_element(stack, next, nullptr);
}

/// One stack for each set of counters that the element may count for.
void Matcher::begin_element(const Stack& stack, MatchState& next, const uint8_t* first_byte) {
  const Frame& frame = stack->frame;
  const ArrayShape& shape = frame.array();
  if (frame.count >= shape.max_elements) return;
  const auto& nodes = shape.elements[std::min<size_t>(frame.count, shape.elements.size() - 1)];
  for (uint32_t set = 0; set < nodes.size(); ++set) {
    if (nodes[set] == kNoNode) continue;
    Frame after = frame;
    after.state = kAfterElement;
    ++after.count;
    std::array<uint32_t, ArrayShape::kMaxCounters> counts{};
    for (size_t c = 0; c < shape.counters.size(); ++c) {
      counts[c] = static_cast<uint32_t>(counted(frame.bits, c));
      if ((set >> c & 1) == 0) continue;
      ++counts[c];
      if (counts[c] <= kMaxCount) after.bits += uint64_t{1} << kCounterBits * c;
    }
    const auto in_use = std::span(counts).first(shape.counters.size());
    if (shape.endings && !shape.endings->can_end(after.count, in_use)) continue;
    const Stack array = push(std::move(after), stack->below);
    if (first_byte != nullptr) {
      begin_value(nodes[set], array, *first_byte, next);
    } else {
      Frame value;
      value.id = nodes[set];
      add(push(std::move(value), array), next);
    }
  }
}

/// Whether a member may be added to an object.
bool Matcher::another_member(const Frame& object) const {
  const ObjectShape& shape = object.object();
  return object.count < shape.max_members && shape.keys->start() != Dfa::kDead &&
         object.count < shape.keys->num_texts(shape.keys->start());
}

void Matcher::read_object(const Stack& stack, uint8_t byte, MatchState& next) {
  const Frame& frame = stack->frame;
  const ObjectShape& shape = frame.object();
  if (byte == '}' && frame.state != kKeyNext) {
    const bool has_witnesses = frame.bits == (uint64_t{1} << shape.num_witnesses) - 1;
    if (frame.num_required == 0 && frame.count >= shape.min_members && has_witnesses) {
      settle(stack->below, next);
    }
  } else if (byte == ',' && frame.state == kAfterMember) {
    if (!another_member(frame)) return;
    Frame after = frame;
    after.state = kKeyNext;
    add(push(std::move(after), stack->below), next);
  } else if (byte == '"' && frame.state != kAfterMember) {
    if (!another_member(frame)) return;
    Frame key;
    key.kind = Frame::Kind::kKey;
    key.state = shape.keys->start();
    key.shape = &shape;
    if (key_can_go_on(key, frame)) add(push(std::move(key), stack), next);
  }
}

/// Whether a key that the object does not have yet, and has room for, begins with what was read.
bool Matcher::key_can_go_on(const Frame& key, const Frame& object) const {
  const ObjectShape& shape = object.object();
  const uint64_t num_texts = shape.keys->num_texts(key.state);
  uint64_t num_taken = 0;
  if (num_texts != Dfa::kInfinite) {
    for (const KeyList* k = object.keys.get(); k != nullptr; k = k->before.get()) {
      num_taken += k->key.starts_with(key.text);
    }
    if (num_taken >= num_texts) return false;
  }
  if (shape.max_members - object.count > object.num_required) return true;
  const auto first = std::lower_bound(shape.required.begin(), shape.required.end(), key.text);
  return std::any_of(first, shape.required.end(), [&](const std::string& name) {
    return name.starts_with(key.text) && !has_key(object.keys, name);
  });
}

/// The same in the middle of a character.
bool Matcher::character_can_go_on(const Frame& key, const Frame& object) const {
  const ObjectShape& shape = object.object();
  const auto characters = CharacterReader::possible(key.character);
  const auto continues = [&](std::string_view name) {
    if (!name.starts_with(key.text) || name.size() == key.text.size()) return false;
    const char32_t c = first_utf8_unit(name.substr(key.text.size())).code_point;
    return std::any_of(characters.ranges, characters.ranges + characters.size,
                       [c](const auto& range) { return c >= range.first && c <= range.last; });
  };
  uint64_t num_texts = 0, num_taken = 0;
  for (size_t i = 0; i < characters.size; ++i) {
    const auto& range = characters.ranges[i];
    const uint64_t more = shape.keys->num_texts(key.state, range.first, range.last);
    num_texts = more == Dfa::kInfinite ? more : num_texts + more;
    if (num_texts == Dfa::kInfinite) break;
  }
  if (num_texts == 0) return false;
  if (num_texts != Dfa::kInfinite) {
    for (const KeyList* k = object.keys.get(); k != nullptr; k = k->before.get()) {
      num_taken += continues(k->key);
    }
    if (num_taken >= num_texts) return false;
  }
  if (shape.max_members - object.count > object.num_required) return true;
  return std::any_of(shape.required.begin(), shape.required.end(), [&](const std::string& name) {
    return continues(name) && !has_key(object.keys, name);
  });
}

void Matcher::read_key(const Stack& stack, uint8_t byte, MatchState& next) {
  const Frame& frame = stack->frame;
  const Dfa& keys = *frame.object().keys;
  const auto read = CharacterReader::read_json(frame.character, byte);
  if (read.event == CharacterReader::Event::kQuote) return close_text(stack, next);
  if (read.event == CharacterReader::Event::kRefused) return;
  Frame after = frame;
  after.character = read.state;
  if (read.event == CharacterReader::Event::kPending) {
    if (!character_can_go_on(after, stack->below->frame)) return;
  } else {
    after.state = keys.next(frame.state, read.code_point);
    if (after.state == Dfa::kDead) return;
    append_code_point(after.text, read.code_point);
    if (!key_can_go_on(after, stack->below->frame)) return;
  }
  add(push(std::move(after), stack->below), next);
}

void Matcher::close_key(const Stack& stack, MatchState& next) {
  const Frame& key = stack->frame;
  const Frame& object = stack->below->frame;
  const ObjectShape& shape = key.object();
  if (!shape.keys->accepts(key.state) || has_key(object.keys, key.text)) return;
  Frame after = object;
  after.state = kAfterMember;
  ++after.count;
  after.num_required -= std::binary_search(shape.required.begin(), shape.required.end(), key.text);
  if (shape.max_members - after.count < after.num_required) return;
  auto* keys = new KeyList;
  keys->key = key.text;
  keys->before = object.keys;
  after.keys = KeyListPtr(keys);
  const ObjectShape::KeyClass& key_class = shape.classes[shape.keys->mark(key.state)];
  for (uint32_t set = 0; set < key_class.values.size(); ++set) {
    if (key_class.values[set] == kNoNode || (set & object.bits) != 0) continue;
    Frame with = after;
    with.bits |= set;
    Frame colon;
    colon.kind = Frame::Kind::kColon;
    colon.id = key_class.values[set];
    add(push(std::move(colon), push(std::move(with), stack->below->below)), next);
  }
}

}  // namespace ernie
