#include "grammar/grammar.h"

#include "grammar/compiled_grammar.h"
#include "grammar/regex_parser.h"

namespace ernie {
namespace {

Result<GrammarPtr> text_grammar(const RegexPtr& expression, const GrammarLimits& limits,
                                std::string_view place) {
  CompileBudget budget(limits);
  auto grammar = std::make_shared<Grammar>();
  ERNIE_TRY(grammar->text, make_dfa(expression, budget, place));
  if (grammar->text->start() == Dfa::kDead) {
    return make_error(ErrorCode::kInvalidArgument, "{}: there is no text that it matches", place);
  }
  return GrammarPtr(std::move(grammar));
}

}  // namespace

size_t Grammar::num_bytes() const {
  size_t total = sizeof(Grammar);
  const auto add = [&](const DfaPtr& dfa) { total += dfa != nullptr ? dfa->num_bytes() : 0; };
  add(text);
  for (const ValueNode& node : nodes) {
    total += sizeof(node) + node.numbers.size() * 512;
    for (const StringShape& shape : node.strings) add(shape.content);
    for (const ArrayShape& shape : node.arrays) {
      total += sizeof(shape) + shape.elements.size() * 64;
    }
    for (const ObjectShape& shape : node.objects) {
      add(shape.keys);
      total += sizeof(shape) + shape.classes.size() * 64 + shape.required.size() * 64;
    }
  }
  for (const RuleState& state : rule_states) {
    total += sizeof(state) + state.edges.size() * sizeof(RuleState::Edge);
    for (const RuleState::Edge& edge : state.edges) add(edge.text);
  }
  return total;
}

Result<GrammarPtr> compile_regex(std::string_view pattern, const GrammarLimits& limits) {
  ERNIE_TRY(const RegexPtr expression, parse_regex(pattern, limits, "regex"));
  return text_grammar(expression, limits, "regex");
}

Result<GrammarPtr> compile_choice(const std::vector<std::string>& choices,
                                  const GrammarLimits& limits) {
  size_t num_bytes = 0;
  std::vector<RegexPtr> texts;
  for (const std::string& choice : choices) {
    num_bytes += choice.size();
    texts.push_back(regex_text(choice));
  }
  if (choices.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "choice: got none, expected at least one");
  }
  if (num_bytes > limits.max_source_bytes) {
    return make_error(ErrorCode::kInvalidArgument, "choice: got {} bytes, expected at most {}",
                      num_bytes, limits.max_source_bytes);
  }
  return text_grammar(regex_choice(std::move(texts)), limits, "choice");
}

}  // namespace ernie
