#include "grammar/json_automata.h"

#include "base/check.h"
#include "grammar/regex_parser.h"

namespace ernie {
namespace {

DfaPtr automaton_of(std::string_view pattern) {
  const GrammarLimits limits;
  CompileBudget budget(limits);
  const Result<RegexPtr> parsed = parse_regex(pattern, limits, "built-in");
  ERNIE_CHECK(parsed.has_value(), "built-in pattern {}", pattern);
  Result<DfaPtr> dfa = make_dfa(*parsed, budget, "built-in");
  ERNIE_CHECK(dfa.has_value(), "built-in pattern {}", pattern);
  return *std::move(dfa);
}

}  // namespace

const DfaPtr& null_automaton() {
  static const DfaPtr kDfa = automaton_of("null");
  return kDfa;
}

const DfaPtr& true_automaton() {
  static const DfaPtr kDfa = automaton_of("true");
  return kDfa;
}

const DfaPtr& false_automaton() {
  static const DfaPtr kDfa = automaton_of("false");
  return kDfa;
}

const DfaPtr& number_automaton() {
  static const DfaPtr kDfa = automaton_of(
      "-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?(\\d{1,2}|[12]\\d\\d|30[0-8])|[eE]-3[0-2]\\d)?");
  return kDfa;
}

const DfaPtr& integer_automaton() {
  // At most 16 digits behind the point and an exponent of at least 16.
  static const DfaPtr kDfa = automaton_of(
      "-?(0|[1-9]\\d*)(\\.0)?|"
      "-?[1-9](\\.\\d{1,16})?[eE]\\+?(1[6-9]|[2-9]\\d|[12]\\d\\d|30[0-8])");
  return kDfa;
}

const DfaPtr& text_automaton() {
  static const DfaPtr kDfa = automaton_of("[^]*");
  return kDfa;
}

}  // namespace ernie
