#pragma once

/// What an output may be: a regular expression, a choice, a grammar, a JSON schema. Compiling is
/// bounded in time and memory whatever the source, and is done by the caller's thread.

#include <boost/json/value.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ernie {

/// A compiled grammar over bytes; immutable, shared by threads.
class Grammar;

/// A source that needs more is refused.
struct GrammarLimits {
  size_t max_source_bytes = 64 << 10;
  size_t max_depth = 128;      ///< of nested groups in a source
  size_t max_repeat = 10'000;  ///< of a count in {m,n}, and of minLength and the like
  size_t max_states = 10'000;  ///< of one automaton
  size_t max_nodes = 4'096;    ///< different values that a schema speaks of; rules of a grammar
  size_t max_alternatives = 4'096;  ///< that one value of a schema splits into
  size_t max_work = 40'000'000;     ///< elementary operations of the whole compilation
};

using GrammarPtr = std::shared_ptr<const Grammar>;

// Errors: kInvalidArgument (the source is wrong, or needs more than the limits) or kUnsupported (it
// is right, but not what can be done here); one line that names the place.

/// Any instance of the schema in compact form: separators "," and ":" without whitespace, members
/// in any order, no key twice. docs/structured-output.md lists the keywords.
Result<GrammarPtr> compile_json_schema(const boost::json::value& schema,
                                       const GrammarLimits& limits = {});
/// Any JSON object in compact form.
Result<GrammarPtr> compile_json_object(const GrammarLimits& limits = {});
/// The whole output must match.
Result<GrammarPtr> compile_regex(std::string_view pattern, const GrammarLimits& limits = {});
/// The output is one of the texts.
Result<GrammarPtr> compile_choice(const std::vector<std::string>& choices,
                                  const GrammarLimits& limits = {});
/// GBNF, as llama.cpp and xgrammar write it; the output is what the rule "root" matches.
Result<GrammarPtr> compile_ebnf(std::string_view source, const GrammarLimits& limits = {});

struct ToolSchema {
  std::string name;
  boost::json::value parameters;  ///< a JSON schema; null: any object
};
struct ToolCallCount {
  size_t min = 1;
  size_t max = SIZE_MAX;
};
/// A JSON array of calls, [{"name":"…","parameters":{…}}, …], members in this order or the other.
Result<GrammarPtr> compile_tool_calls(const std::vector<ToolSchema>& tools,
                                      ToolCallCount count = {}, const GrammarLimits& limits = {});

}  // namespace ernie
