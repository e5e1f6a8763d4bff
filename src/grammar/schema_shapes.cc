#include "grammar/schema_shapes.h"

#include <algorithm>

#include "grammar/json_automata.h"

namespace ernie {
namespace {

LiteralSet sorted(LiteralSet literals) {
  std::sort(literals.begin(), literals.end());
  literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
  return literals;
}

void add_once(std::vector<DfaPtr>& literals, const DfaPtr& literal) {
  if (std::find(literals.begin(), literals.end(), literal) == literals.end()) {
    literals.push_back(literal);
  }
}

}  // namespace

Result<void> ShapeMaker::add(const Conjunction& all, const std::string& place, ValueNode& node) {
  if (all.types & kNullType) add_once(node.literals, null_automaton());
  if (all.types & kTrueType) add_once(node.literals, true_automaton());
  if (all.types & kFalseType) add_once(node.literals, false_automaton());
  if (all.types & kNumberType) {
    if (!budget_.spend(1000)) return too_complex(place);
    if (all.numbers.is_everything()) {
      add_once(node.literals, number_automaton());
    } else if (all.numbers.is_integers()) {
      add_once(node.literals, integer_automaton());
    } else if (!all.numbers.is_empty()) {
      node.numbers.push_back(all.numbers);
    }
  }
  if (all.types & kStringType) ERNIE_TRY_VOID(add_string(all, place, node));
  if (all.types & kArrayType) ERNIE_TRY_VOID(add_array(all, place, node));
  if (all.types & kObjectType) ERNIE_TRY_VOID(add_object(all, place, node));
  return {};
}

/// All texts of a conjunction that hold, none that does not; lengths become part of the automaton
/// where there is another text, or else stay bounds.
Result<void> ShapeMaker::add_string(const Conjunction& all, const std::string& place,
                                    ValueNode& node) {
  if (all.min_length > all.max_length) return {};
  StringShape shape{text_automaton(), all.min_length, all.max_length};
  if (!all.texts.empty()) {
    std::vector<RegexPtr> patterns;
    for (const Conjunction::Text& text : all.texts) patterns.push_back(text.pattern);
    const bool has_bounds = all.min_length > 0 || all.max_length != kUnbounded;
    if (has_bounds) {
      const uint32_t largest = all.max_length == kUnbounded ? all.min_length : all.max_length;
      if (largest > budget_.limits().max_repeat) return too_complex(place);
      patterns.push_back(regex_length(all.min_length, all.max_length));
    }
    const AcceptRule rule = [&](std::span<const uint32_t> matching) {
      for (uint32_t i = 0; i < patterns.size(); ++i) {
        const bool is_matched = i >= all.texts.size() || all.texts[i].is_matched;
        if (std::binary_search(matching.begin(), matching.end(), i) != is_matched) {
          return Dfa::kDead;
        }
      }
      return 0u;
    };
    ERNIE_TRY(shape.content, make_dfa(patterns, rule, budget_, place));
    shape.min_length = 0;
    shape.max_length = kUnbounded;
    if (shape.content->start() == Dfa::kDead) return {};
  }
  const bool is_known =
      std::any_of(node.strings.begin(), node.strings.end(), [&](const StringShape& other) {
        return other.content == shape.content && other.min_length == shape.min_length &&
               other.max_length == shape.max_length;
      });
  if (!is_known) node.strings.push_back(std::move(shape));
  return {};
}

/// The node of one element for each set of counters that it counts for.
std::vector<NodeId> ShapeMaker::element_row(const Conjunction& all, uint32_t index) {
  LiteralSet common;
  for (const Conjunction::Item& item : all.items) {
    if (item.index == index) common.push_back(item.value);
  }
  for (const Conjunction::Item& rest : all.rests) {
    if (rest.index <= index) common.push_back(rest.value);
  }
  std::vector<NodeId> row;
  for (uint32_t set = 0; set < 1u << all.counts.size(); ++set) {
    LiteralSet literals = common;
    bool is_possible = true;
    for (size_t c = 0; c < all.counts.size(); ++c) {
      const Conjunction::Count& count = all.counts[c];
      const bool is_counted = (set >> c & 1) != 0;
      if (index < count.from) {
        is_possible = is_possible && !is_counted;
      } else if (is_counted) {
        literals.push_back(count.value);
      } else if (count.max != kUnbounded) {
        literals.push_back(count.value ^ 1);
      }
    }
    row.push_back(is_possible ? find_node_(sorted(std::move(literals))) : kNoNode);
  }
  return row;
}

Result<void> ShapeMaker::add_array(const Conjunction& all, const std::string& place,
                                   ValueNode& node) {
  if (all.min_elements > all.max_elements) return {};
  if (all.counts.size() > ArrayShape::kMaxCounters) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: more than {} conditions on how many elements "
                      "are of a kind are not supported",
                      place, ArrayShape::kMaxCounters);
  }
  ArrayShape shape;
  shape.min_elements = all.min_elements;
  shape.max_elements = all.max_elements;
  uint32_t num_rows = 0;
  for (const auto& item : all.items) num_rows = std::max(num_rows, item.index + 1);
  for (const auto& rest : all.rests) num_rows = std::max(num_rows, rest.index);
  for (const auto& count : all.counts) {
    num_rows = std::max(num_rows, count.from);
    const uint32_t largest = count.max == kUnbounded ? count.min : count.max;
    if (largest > budget_.limits().max_repeat) return too_complex(place);
    shape.counters.push_back({count.from, count.min, count.max});
  }
  for (uint32_t i = 0; i <= num_rows; ++i) {
    if (!budget_.spend(16 + (all.items.size() + all.rests.size()) * 2)) return too_complex(place);
    shape.elements.push_back(element_row(all, i));
  }
  const bool is_known =
      std::find(node.arrays.begin(), node.arrays.end(), shape) != node.arrays.end();
  if (!is_known) node.arrays.push_back(std::move(shape));
  return {};
}

/// The rules and witnesses of an object as questions to an automaton over its keys.
class ShapeMaker::KeyRules {
 public:
  explicit KeyRules(ShapeMaker& maker) : maker_(maker) {}

  Result<void> add_rule(const KeyRule& rule) { return add(rule, rules_); }
  Result<void> add_witness(const KeyRule& rule) { return add(rule, witnesses_); }
  Result<DfaPtr> automaton(const std::string& place, ObjectShape& shape);

 private:
  /// Texts that match, and texts that do not.
  struct Labels {
    std::vector<uint32_t> matched, unmatched;
  };
  struct Question {
    bool is_negated = false;
    std::vector<uint32_t> any_of;      // labels, ascending
    std::vector<Labels> alternatives;  // instead of them
    bool has_alternatives = false;
    SchemaLiteral value = 0;
  };

  uint32_t label_of(const RegexPtr& pattern);
  Result<void> add(const KeyRule& rule, std::vector<Question>& to);
  static bool holds(const Question& question, std::span<const uint32_t> matching);
  uint32_t class_of(std::span<const uint32_t> matching, ObjectShape& shape);
  std::vector<NodeId> values_of(const LiteralSet& common, uint32_t witness_mask);

  ShapeMaker& maker_;
  std::vector<RegexPtr> patterns_;
  std::map<const RegexNode*, uint32_t> labels_;
  std::map<std::u32string, uint32_t> names_;
  std::vector<Question> rules_, witnesses_;
  std::map<std::pair<LiteralSet, uint32_t>, uint32_t> classes_;
};

uint32_t ShapeMaker::KeyRules::label_of(const RegexPtr& pattern) {
  const auto next_id = static_cast<uint32_t>(patterns_.size());
  if (pattern->kind == RegexNode::Kind::kText) {
    const auto [it, is_new] = names_.try_emplace(pattern->text, next_id);
    if (is_new) patterns_.push_back(pattern);
    return it->second;
  }
  const auto [it, is_new] = labels_.try_emplace(pattern.get(), next_id);
  if (is_new) patterns_.push_back(pattern);
  return it->second;
}

Result<void> ShapeMaker::KeyRules::add(const KeyRule& rule, std::vector<Question>& to) {
  Question question;
  question.value = rule.value;
  question.is_negated = rule.test.is_negated;
  if (rule.test.names) {
    question.has_alternatives = true;
    const std::string& place = maker_.formula_.path_of(*rule.test.names);
    ERNIE_TRY(const std::vector<Conjunction> all, maker_.formula_.alternatives({*rule.test.names}));
    for (const Conjunction& c : all) {
      if ((c.types & kStringType) == 0 || c.min_length > c.max_length) continue;
      Labels labels;
      for (const Conjunction::Text& text : c.texts) {
        (text.is_matched ? labels.matched : labels.unmatched).push_back(label_of(text.pattern));
      }
      if (c.min_length > 0 || c.max_length != kUnbounded) {
        const uint32_t largest = c.max_length == kUnbounded ? c.min_length : c.max_length;
        if (largest > maker_.budget_.limits().max_repeat) return too_complex(place);
        labels.matched.push_back(label_of(regex_length(c.min_length, c.max_length)));
      }
      question.alternatives.push_back(std::move(labels));
    }
  } else {
    for (const RegexPtr& pattern : *rule.test.patterns) {
      question.any_of.push_back(label_of(pattern));
    }
    std::sort(question.any_of.begin(), question.any_of.end());
  }
  to.push_back(std::move(question));
  return {};
}

bool ShapeMaker::KeyRules::holds(const Question& question, std::span<const uint32_t> matching) {
  const auto matches = [&](uint32_t label) {
    return std::binary_search(matching.begin(), matching.end(), label);
  };
  if (question.has_alternatives) {
    return std::any_of(
        question.alternatives.begin(), question.alternatives.end(), [&](const Labels& labels) {
          return std::all_of(labels.matched.begin(), labels.matched.end(), matches) &&
                 std::none_of(labels.unmatched.begin(), labels.unmatched.end(), matches);
        });
  }
  const bool any = std::any_of(matching.begin(), matching.end(), [&](uint32_t label) {
    return std::binary_search(question.any_of.begin(), question.any_of.end(), label);
  });
  return any != question.is_negated;
}

std::vector<NodeId> ShapeMaker::KeyRules::values_of(const LiteralSet& common,
                                                    uint32_t witness_mask) {
  std::vector<NodeId> values;
  for (uint32_t set = 0; set < 1u << witnesses_.size(); ++set) {
    LiteralSet literals = common;
    for (size_t w = 0; w < witnesses_.size(); ++w) {
      if (set >> w & 1) literals.push_back(witnesses_[w].value);
    }
    const bool is_possible = (set & ~witness_mask) == 0;
    values.push_back(is_possible ? maker_.find_node_(sorted(std::move(literals))) : kNoNode);
  }
  return values;
}

uint32_t ShapeMaker::KeyRules::class_of(std::span<const uint32_t> matching, ObjectShape& shape) {
  LiteralSet literals;
  if (!maker_.budget_.spend(rules_.size() + matching.size())) return 0;
  for (const Question& rule : rules_) {
    if (holds(rule, matching)) literals.push_back(rule.value);
  }
  uint32_t mask = 0;
  for (size_t w = 0; w < witnesses_.size(); ++w) {
    if (holds(witnesses_[w], matching)) mask |= 1u << w;
  }
  literals = sorted(std::move(literals));
  const auto next_id = static_cast<uint32_t>(shape.classes.size());
  const auto [it, is_new] = classes_.try_emplace({literals, mask}, next_id);
  if (is_new) shape.classes.push_back({mask, values_of(literals, mask)});
  return it->second;
}

Result<DfaPtr> ShapeMaker::KeyRules::automaton(const std::string& place, ObjectShape& shape) {
  if (rules_.empty() && witnesses_.empty()) {
    class_of({}, shape);
    return text_automaton();
  }
  const AcceptRule rule = [&](std::span<const uint32_t> matching) {
    return class_of(matching, shape);
  };
  return make_dfa(patterns_, rule, maker_.budget_, place);
}

Result<void> ShapeMaker::add_object(const Conjunction& all, const std::string& place,
                                    ValueNode& node) {
  const auto num_required = static_cast<uint32_t>(all.required.size());
  if (std::max(all.min_members, num_required) > all.max_members) return {};
  if (all.witnesses.size() > ObjectShape::kMaxWitnesses) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: more than {} conditions that some member must "
                      "fulfil are not supported",
                      place, ObjectShape::kMaxWitnesses);
  }
  ObjectShape shape;
  shape.required.assign(all.required.begin(), all.required.end());
  shape.min_members = all.min_members;
  shape.max_members = all.max_members;
  shape.num_witnesses = static_cast<uint32_t>(all.witnesses.size());
  KeyRules rules(*this);
  for (const KeyRule& rule : all.rules) ERNIE_TRY_VOID(rules.add_rule(rule));
  for (const KeyRule& rule : all.witnesses) ERNIE_TRY_VOID(rules.add_witness(rule));
  ERNIE_TRY(shape.keys, rules.automaton(place, shape));
  if (budget_.exhausted()) return too_complex(place);
  const bool is_known =
      std::find(node.objects.begin(), node.objects.end(), shape) != node.objects.end();
  if (!is_known) node.objects.push_back(std::move(shape));
  return {};
}

}  // namespace ernie
