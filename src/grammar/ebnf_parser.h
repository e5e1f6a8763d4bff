#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "grammar/grammar.h"
#include "grammar/regex_tree.h"

namespace ernie {

struct EbnfRule {
  std::string name;
  RegexPtr body;  ///< null: used but never defined
};
struct EbnfRules {
  std::vector<EbnfRule> rules;  ///< kRule nodes name them by index
  uint32_t root = 0;
};

/// Reads GBNF. Error: the syntax is wrong, a rule is defined twice or never, or there is no "root".
Result<EbnfRules> parse_ebnf(std::string_view source, const GrammarLimits& limits);

}  // namespace ernie
