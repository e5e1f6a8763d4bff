#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/grammar.h"
#include "grammar/regex_tree.h"

namespace ernie {

/// A regular expression as ECMA-262 writes it, without what no automaton can do (references back)
/// and what is not offered: looking around, word boundaries, Unicode properties, flags. Errors name
/// the byte, behind `place`.
Result<RegexPtr> parse_regex(std::string_view pattern, const GrammarLimits& limits,
                             std::string_view place);

}  // namespace ernie
