#include <algorithm>

#include "base/utf8.h"
#include "grammar/compiled_grammar.h"
#include "grammar/ebnf_parser.h"

namespace ernie {
namespace {

using Kind = RegexNode::Kind;

/// A rule is put into the automaton of those that use it if it is no larger and no deeper.
constexpr uint64_t kMaxInlineSize = 2000;
constexpr uint32_t kMaxInlineDepth = 200;

template <typename Visit>
void visit_calls(const RegexNode& node, const Visit& visit) {
  if (node.kind == Kind::kRule) visit(node.rule_id);
  for (const RegexPtr& child : node.children) visit_calls(*child, visit);
}

/// Rules to automata where rules do not call each other in circles, and to states with calls where
/// they do.
class EbnfCompiler {
 public:
  EbnfCompiler(EbnfRules rules, const GrammarLimits& limits)
      : rules_(std::move(rules.rules)), root_(rules.root), budget_(limits) {}

  Result<GrammarPtr> run();

 private:
  struct Size {
    uint64_t size = 0;
    uint32_t depth = 0;
  };
  const RegexNode& body(uint32_t rule) const { return *rules_[rule].body; }
  std::string place_of(uint32_t rule) const {
    return "grammar: rule " + in_quotes(rules_[rule].name);
  }
  bool is_nullable(const RegexNode& node) const;
  bool is_productive(const RegexNode& node) const;
  void left_calls(const RegexNode& node, std::vector<uint32_t>& calls) const;
  Result<void> check_productive();
  Result<void> check_left_recursion();
  Result<void> check_loops(uint32_t rule, const RegexNode& node) const;
  Size size_of(const RegexNode& node) const;
  void find_regular();
  bool is_regular(const RegexNode& node) const;
  RegexPtr inlined(const RegexPtr& node) const;
  uint32_t new_state();
  void add_edges(uint32_t to, uint32_t from);
  Result<uint32_t> build(const RegexPtr& node, uint32_t next);
  Result<uint32_t> build_text(const RegexPtr& node, uint32_t next);
  Result<uint32_t> build_sequence(const RegexNode& node, uint32_t next);
  Result<uint32_t> build_repeat(const RegexNode& node, uint32_t next);

  std::vector<EbnfRule> rules_;
  uint32_t root_;
  CompileBudget budget_;
  std::vector<uint8_t> nullable_, productive_, regular_;
  std::vector<Size> sizes_;  // of regular rules
  std::vector<RuleState> states_;
  std::vector<uint32_t> starts_;  // of rules
  uint32_t current_ = 0;
};

bool EbnfCompiler::is_nullable(const RegexNode& node) const {
  const auto nullable = [this](const RegexPtr& child) { return is_nullable(*child); };
  switch (node.kind) {
    case Kind::kText:
      return node.text.empty();
    case Kind::kSet:
      return false;
    case Kind::kSequence:
      return std::all_of(node.children.begin(), node.children.end(), nullable);
    case Kind::kChoice:
      return std::any_of(node.children.begin(), node.children.end(), nullable);
    case Kind::kRepeat:
      return node.min == 0 || is_nullable(*node.children[0]);
    case Kind::kRule:
      return nullable_[node.rule_id];
    default:
      return true;
  }
}

bool EbnfCompiler::is_productive(const RegexNode& node) const {
  const auto productive = [this](const RegexPtr& child) { return is_productive(*child); };
  switch (node.kind) {
    case Kind::kSet:
      return !node.set.ranges().empty();
    case Kind::kSequence:
      return std::all_of(node.children.begin(), node.children.end(), productive);
    case Kind::kChoice:
      return std::any_of(node.children.begin(), node.children.end(), productive);
    case Kind::kRepeat:
      return node.min == 0 || is_productive(*node.children[0]);
    case Kind::kRule:
      return productive_[node.rule_id];
    default:
      return true;
  }
}

/// Both are least sets, so they grow from nothing.
Result<void> EbnfCompiler::check_productive() {
  nullable_.assign(rules_.size(), 0);
  productive_.assign(rules_.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      if (!budget_.spend(size_of(body(i)).size)) return too_complex("grammar");
      const bool nullable = is_nullable(body(i)), productive = is_productive(body(i));
      changed = changed || nullable != nullable_[i] || productive != productive_[i];
      nullable_[i] = nullable;
      productive_[i] = productive;
    }
  }
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    if (productive_[i]) continue;
    return make_error(ErrorCode::kInvalidArgument, "{}: there is no end to what it matches",
                      place_of(i));
  }
  return {};
}

/// The rules that may be called before anything is read.
void EbnfCompiler::left_calls(const RegexNode& node, std::vector<uint32_t>& calls) const {
  if (node.kind == Kind::kRule) calls.push_back(node.rule_id);
  for (const RegexPtr& child : node.children) {
    left_calls(*child, calls);
    if (node.kind == Kind::kSequence && !is_nullable(*child)) return;
  }
}

Result<void> EbnfCompiler::check_left_recursion() {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> marks(rules_.size(), kNew);
  struct Visit {
    uint32_t rule;
    std::vector<uint32_t> calls;
  };
  for (uint32_t first = 0; first < rules_.size(); ++first) {
    std::vector<Visit> path;
    const auto open = [&](uint32_t rule) {
      marks[rule] = kOpen;
      path.push_back({rule, {}});
      left_calls(body(rule), path.back().calls);
    };
    if (marks[first] == kNew) open(first);
    while (!path.empty()) {
      if (path.back().calls.empty()) {
        marks[path.back().rule] = kDone;
        path.pop_back();
        continue;
      }
      const uint32_t next = path.back().calls.back();
      path.back().calls.pop_back();
      if (marks[next] == kOpen) {
        return make_error(ErrorCode::kInvalidArgument,
                          "{}: begins with itself (left recursion); write it as a repetition",
                          place_of(next));
      }
      if (marks[next] == kNew) open(next);
    }
  }
  return {};
}

/// Without end repeating what may be empty would be left recursion in disguise.
Result<void> EbnfCompiler::check_loops(uint32_t rule, const RegexNode& node) const {
  if (node.kind == Kind::kRepeat && node.max == kUnbounded && !is_regular(node) &&
      is_nullable(*node.children[0])) {
    return make_error(ErrorCode::kInvalidArgument, "{}: repeats what may be empty, without end",
                      place_of(rule));
  }
  for (const RegexPtr& child : node.children) ERNIE_TRY_VOID(check_loops(rule, *child));
  return {};
}

EbnfCompiler::Size EbnfCompiler::size_of(const RegexNode& node) const {
  if (node.kind == Kind::kRule) {
    const Size inner = sizes_.empty() ? Size{} : sizes_[node.rule_id];
    return {inner.size + 1, inner.depth + 1};
  }
  Size size{1 + node.text.size(), 0};
  for (const RegexPtr& child : node.children) {
    const Size inner = size_of(*child);
    size.size += inner.size;
    size.depth = std::max(size.depth, inner.depth);
  }
  if (node.kind == Kind::kRepeat && !sizes_.empty()) {
    const uint64_t times = node.max == kUnbounded ? node.min + uint64_t{1} : node.max;
    size.size = std::min<uint64_t>(size.size * std::max<uint64_t>(times, 1), UINT32_MAX);
  }
  ++size.depth;
  return size;
}

/// Rules all of whose calls are to such rules, from those without calls on.
void EbnfCompiler::find_regular() {
  regular_.assign(rules_.size(), 0);
  sizes_.assign(rules_.size(), {});
  std::vector<uint32_t> num_open(rules_.size(), 0), ready;
  std::vector<std::vector<uint32_t>> callers(rules_.size());
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    visit_calls(body(i), [&](uint32_t callee) {
      ++num_open[i];
      callers[callee].push_back(i);
    });
    if (num_open[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    const uint32_t rule = ready.back();
    ready.pop_back();
    const Size size = size_of(body(rule));
    // The rule that everything begins with is worth an automaton of any size.
    const bool fits = size.size <= kMaxInlineSize || rule == root_;
    if (!fits || size.depth > kMaxInlineDepth) continue;
    regular_[rule] = 1;
    sizes_[rule] = size;
    for (const uint32_t caller : callers[rule]) {
      if (--num_open[caller] == 0) ready.push_back(caller);
    }
  }
}

bool EbnfCompiler::is_regular(const RegexNode& node) const {
  if (node.kind == Kind::kRule) return regular_[node.rule_id];
  return std::all_of(node.children.begin(), node.children.end(),
                     [this](const RegexPtr& child) { return is_regular(*child); });
}

RegexPtr EbnfCompiler::inlined(const RegexPtr& node) const {
  if (node->kind == Kind::kRule) return inlined(rules_[node->rule_id].body);
  if (node->children.empty()) return node;
  RegexNode copy = *node;
  for (RegexPtr& child : copy.children) child = inlined(child);
  return std::make_shared<const RegexNode>(std::move(copy));
}

uint32_t EbnfCompiler::new_state() {
  states_.emplace_back();
  return static_cast<uint32_t>(states_.size() - 1);
}

void EbnfCompiler::add_edges(uint32_t to, uint32_t from) {
  const std::vector<RuleState::Edge> edges = states_[from].edges;
  states_[to].edges.insert(states_[to].edges.end(), edges.begin(), edges.end());
  states_[to].is_end = states_[to].is_end || states_[from].is_end;
}

Result<uint32_t> EbnfCompiler::build_text(const RegexPtr& node, uint32_t next) {
  ERNIE_TRY(DfaPtr dfa, make_dfa(inlined(node), budget_, place_of(current_)));
  const uint32_t state = new_state();
  if (dfa->start() != Dfa::kDead) states_[state].edges.push_back({std::move(dfa), 0, next});
  return state;
}

Result<uint32_t> EbnfCompiler::build(const RegexPtr& node, uint32_t next) {
  if (!budget_.spend(256)) return too_complex(place_of(current_));
  if (is_regular(*node)) return build_text(node, next);
  switch (node->kind) {
    case Kind::kSequence:
      return build_sequence(*node, next);
    case Kind::kRepeat:
      return build_repeat(*node, next);
    case Kind::kChoice: {
      const uint32_t state = new_state();
      for (const RegexPtr& child : node->children) {
        if (!is_productive(*child)) continue;
        ERNIE_TRY(const uint32_t first, build(child, next));
        if (!budget_.spend(states_[first].edges.size())) return too_complex(place_of(current_));
        add_edges(state, first);
      }
      return state;
    }
    default: {
      const uint32_t state = new_state();
      states_[state].edges.push_back({nullptr, starts_[node->rule_id], next});
      return state;
    }
  }
}

/// Neighbours without calls become one automaton.
Result<uint32_t> EbnfCompiler::build_sequence(const RegexNode& node, uint32_t next) {
  size_t end = node.children.size();
  while (end > 0) {
    size_t begin = end - 1;
    if (is_regular(*node.children[begin])) {
      while (begin > 0 && is_regular(*node.children[begin - 1])) --begin;
    }
    const auto from = node.children.begin();
    const RegexPtr part = regex_sequence(
        {from + static_cast<std::ptrdiff_t>(begin), from + static_cast<std::ptrdiff_t>(end)});
    ERNIE_TRY(next, build(part, next));
    end = begin;
  }
  return next;
}

Result<uint32_t> EbnfCompiler::build_repeat(const RegexNode& node, uint32_t next) {
  const RegexPtr& child = node.children[0];
  if (node.max == kUnbounded) {
    const uint32_t loop = new_state();
    ERNIE_TRY(const uint32_t again, build(child, loop));
    add_edges(loop, again);
    add_edges(loop, next);
    next = loop;
  } else {
    const uint32_t end = next;
    for (uint32_t i = node.min; i < node.max; ++i) {
      ERNIE_TRY(const uint32_t more, build(child, next));
      next = new_state();
      add_edges(next, more);
      add_edges(next, end);
      if (!budget_.spend(states_[next].edges.size())) return too_complex(place_of(current_));
    }
  }
  for (uint32_t i = 0; i < node.min; ++i) {
    ERNIE_TRY(next, build(child, next));
  }
  return next;
}

Result<GrammarPtr> EbnfCompiler::run() {
  ERNIE_TRY_VOID(check_productive());
  ERNIE_TRY_VOID(check_left_recursion());
  find_regular();
  auto grammar = std::make_shared<Grammar>();
  if (regular_[root_]) {
    current_ = root_;
    ERNIE_TRY(grammar->text, make_dfa(inlined(rules_[root_].body), budget_, place_of(root_)));
    return GrammarPtr(std::move(grammar));
  }
  grammar->kind = Grammar::Kind::kRules;
  for (uint32_t i = 0; i < rules_.size(); ++i) starts_.push_back(new_state());
  const uint32_t end = new_state();
  states_[end].is_end = true;
  for (current_ = 0; current_ < rules_.size(); ++current_) {
    if (regular_[current_]) continue;
    ERNIE_TRY_VOID(check_loops(current_, body(current_)));
    ERNIE_TRY(const uint32_t first, build(rules_[current_].body, end));
    add_edges(starts_[current_], first);
  }
  grammar->root = starts_[root_];
  grammar->rule_states = std::move(states_);
  return GrammarPtr(std::move(grammar));
}

}  // namespace

Result<GrammarPtr> compile_ebnf(std::string_view source, const GrammarLimits& limits) {
  ERNIE_TRY(EbnfRules rules, parse_ebnf(source, limits));
  return EbnfCompiler(std::move(rules), limits).run();
}

}  // namespace ernie
