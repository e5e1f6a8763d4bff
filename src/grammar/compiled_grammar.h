#pragma once

/// What a Grammar consists of. A grammar is a value of a schema, or a rule; a matcher walks it with
/// a stack of frames (matcher.h).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/number_set.h"

namespace ernie {

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = UINT32_MAX;

/// The characters between the quotes: an automaton, and bounds on their number.
struct StringShape {
  DfaPtr content;
  uint32_t min_length = 0, max_length = kUnbounded;
};

/// Members in any order. Which value a key may have is the class of the key, the mark of the
/// accepting state of `keys`; what is not accepted cannot be a key.
struct ObjectShape {
  static constexpr size_t kMaxWitnesses = 4;
  struct KeyClass {
    uint32_t witness_mask = 0;  ///< the witnesses that this key can be
    /// The value: [s] if it is to be a witness for exactly the set s of them.
    std::vector<NodeId> values;
    friend bool operator==(const KeyClass&, const KeyClass&) = default;
  };
  DfaPtr keys;
  std::vector<KeyClass> classes;
  std::vector<std::string> required;  ///< ascending
  uint32_t min_members = 0, max_members = kUnbounded;
  uint32_t num_witnesses = 0;  ///< "some member that …": each must have been seen at the end
  friend bool operator==(const ObjectShape&, const ObjectShape&) = default;
};

class ArrayEndings;

struct ArrayShape {
  static constexpr size_t kMaxCounters = 3;
  /// "So many elements that …", from an index on.
  struct Counter {
    uint32_t from = 0;
    uint32_t min = 0, max = kUnbounded;
    friend bool operator==(const Counter&, const Counter&) = default;
  };
  std::vector<Counter> counters;
  /// [i][s]: element i, if it counts for exactly the set s of counters; the last row is that of all
  /// further elements.
  std::vector<std::vector<NodeId>> elements;
  uint32_t min_elements = 0, max_elements = kUnbounded;
  std::shared_ptr<const ArrayEndings> endings;  ///< if there are counters
  friend bool operator==(const ArrayShape&, const ArrayShape&) = default;
};

/// A value: one of these.
struct ValueNode {
  std::vector<DfaPtr> literals;  ///< true, false, null and numbers of which nothing more is asked
  std::vector<NumberSet> numbers;
  std::vector<StringShape> strings;
  std::vector<ArrayShape> arrays;
  std::vector<ObjectShape> objects;
};

/// A state within a rule of a grammar: what can be read from here, and what follows it.
struct RuleState {
  struct Edge {
    DfaPtr text;          ///< either this
    uint32_t callee = 0;  ///< or the first state of a rule
    uint32_t target = 0;
  };
  std::vector<Edge> edges;
  bool is_end = false;
  bool is_only_end() const { return is_end && edges.empty(); }
};

class Grammar {
 public:
  enum class Kind : uint8_t { kText, kValue, kRules };
  Kind kind = Kind::kText;
  DfaPtr text;
  std::vector<ValueNode> nodes;
  NodeId root = 0;  ///< of nodes or of rule_states
  std::vector<RuleState> rule_states;
  /// About how much memory it takes.
  size_t num_bytes() const;
};

}  // namespace ernie
