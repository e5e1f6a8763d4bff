#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/compiled_grammar.h"

namespace ernie {

/// The keys that an object has so far. Shared by stacks, of one thread.
struct KeyList : boost::intrusive_ref_counter<KeyList, boost::thread_unsafe_counter> {
  std::string key;
  boost::intrusive_ptr<const KeyList> before;

  KeyList() = default;
  KeyList(const KeyList&) = delete;
  /// One by one: the list may be long.
  ~KeyList() {
    while (before && before->use_count() == 1) before = boost::intrusive_ptr(before->before);
  }
};
using KeyListPtr = boost::intrusive_ptr<const KeyList>;

/// One level of what is being read. What lies below a frame is in the state that follows when the
/// frame is done.
struct Frame {
  enum class Kind : uint8_t {
    kValue,   ///< a value begins; id: its node
    kColon,   ///< a colon, then the value
    kText,    ///< dfa, state; bytes are UTF-8
    kString,  ///< the characters between quotes; shape, state; count: so far
    kKey,     ///< the same of a key of the object below; text: so far
    kNumber,  ///< numbers; text: so far
    kArray,   ///< array; state: ArrayState; count: elements begun; bits: what was counted
    kObject,  ///< object; state: ObjectState; count: members begun
    kRule,    ///< id: a state of a rule
  };
  Kind kind = Kind::kValue;
  uint32_t id = 0;
  uint32_t state = 0;
  uint32_t count = 0;
  uint32_t character = 0;     ///< CharacterReader's
  uint32_t num_required = 0;  ///< of an object: the required members that are still missing
  uint64_t bits = 0;          ///< of an object: the witnesses seen; of an array: 20 bits a counter
  const void* shape = nullptr;  ///< within the grammar
  std::string text;
  KeyListPtr keys;

  const Dfa& dfa() const { return *static_cast<const Dfa*>(shape); }
  const StringShape& string() const { return *static_cast<const StringShape*>(shape); }
  const NumberSet& number() const { return *static_cast<const NumberSet*>(shape); }
  const ArrayShape& array() const { return *static_cast<const ArrayShape*>(shape); }
  const ObjectShape& object() const { return *static_cast<const ObjectShape*>(shape); }
  friend bool operator==(const Frame&, const Frame&) = default;
};

struct StackNode;
using Stack = boost::intrusive_ptr<const StackNode>;
struct StackNode : boost::intrusive_ref_counter<StackNode, boost::thread_unsafe_counter> {
  Frame frame;
  Stack below;
  uint64_t hash = 0;
  uint32_t depth = 1;
};
Stack push(Frame frame, Stack below);
bool same_stack(const Stack& a, const Stack& b);

/// All ways to read what was read.
struct MatchState {
  std::vector<Stack> stacks;  ///< each is able to read on
  bool is_complete = false;   ///< what was read is an output
  bool is_dead() const { return stacks.empty() && !is_complete; }
};

/// Reads outputs of a grammar byte by byte. One thread. Every stack that it keeps can be brought to
/// an end, but for sets of rules that contradict each other across the members of an object.
class Matcher {
 public:
  static constexpr size_t kMaxStacks = 256;
  static constexpr uint32_t kMaxDepth = 512;
  static constexpr uint32_t kMaxSettleDepth = 1024;  ///< calls before anything is read

  explicit Matcher(const Grammar& grammar) : grammar_(grammar) {}

  MatchState begin();
  MatchState step(const MatchState& state, uint8_t byte);
  /// What follows if one stack reads a byte.
  void advance(const Stack& stack, uint8_t byte, MatchState& next);
  /// What follows when the string or the key on top is closed.
  void close_text(const Stack& stack, MatchState& next);

  /// What follows if the plain text on top ends here.
  void pop(const Stack& stack, MatchState& next) { settle(stack->below, next); }

  /// Elementary steps since the last reset, and whether a bound was reached: then states may be
  /// missing, and the output cannot go on.
  uint64_t work() const { return work_; }
  void reset_work(uint64_t limit) {
    work_ = 0;
    work_limit_ = limit;
  }
  bool has_failed() const { return has_failed_; }

 private:
  enum ArrayState : uint32_t { kArrayBegin, kAfterElement };
  enum ObjectState : uint32_t { kObjectBegin, kAfterMember, kKeyNext };

  bool spend();
  void settle(const Stack& stack, MatchState& next);
  void settle_top(const Stack& stack, MatchState& next);
  void settle_rule(const Stack& stack, MatchState& next);
  Stack onto(uint32_t rule_state, const Stack& below);
  void add(Stack stack, MatchState& next);
  void begin_value(NodeId node, const Stack& below, uint8_t byte, MatchState& next);
  void read_text(const Stack& stack, uint8_t byte, MatchState& next);
  void read_string(const Stack& stack, uint8_t byte, MatchState& next);
  void read_key(const Stack& stack, uint8_t byte, MatchState& next);
  bool key_can_go_on(const Frame& key, const Frame& object) const;
  bool character_can_go_on(const Frame& key, const Frame& object) const;
  void close_key(const Stack& stack, MatchState& next);
  void read_number(const Stack& stack, uint8_t byte, MatchState& next);
  void read_array(const Stack& stack, uint8_t byte, MatchState& next);
  void begin_element(const Stack& stack, MatchState& next, const uint8_t* first_byte);
  void read_object(const Stack& stack, uint8_t byte, MatchState& next);
  bool another_member(const Frame& object) const;

  const Grammar& grammar_;
  uint64_t work_ = 0, work_limit_ = UINT64_MAX;
  bool has_failed_ = false;
  uint32_t settle_depth_ = 0;
};

}  // namespace ernie
