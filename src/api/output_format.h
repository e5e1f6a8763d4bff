#pragma once

/// What a request says its answer must look like: response_format and structured_outputs.

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "json/fields.h"

namespace ernie {

struct OutputFormat {
  enum class Kind { kText, kJsonObject, kJsonSchema, kRegex, kChoice, kGrammar };
  Kind kind = Kind::kText;
  std::string field;                 ///< that asked for it, for messages
  boost::json::value schema;         ///< kJsonSchema: an object or a boolean
  std::string text;                  ///< kRegex: the pattern; kGrammar: the EBNF
  std::vector<std::string> choices;  ///< kChoice
};

/// Reads `response_format`, `structured_outputs` and the older guided_json, guided_regex,
/// guided_choice and guided_grammar, of which at most one may ask for something.
void read_output_format(JsonFields& fields, OutputFormat& format);

/// `value` as the body of a `response_format`: {"type": "text" | "json_object" | "json_schema", …}.
/// `flat`: the Responses API's text.format, which has the schema beside the type.
void read_response_format(JsonFields& fields, std::string_view name,
                          const boost::json::value& value, bool flat, OutputFormat& format);

}  // namespace ernie
