#pragma once

/// One JSON text to and from a value tree: strict on reading, compact and deterministic on writing.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ernie {

/// Reads exactly one JSON value. Refused, with the byte where it was noticed: anything after it,
/// text that is not UTF-8, a key that an object has twice, more than 64 levels, an object of more
/// than 4096 members, an array of more than a million elements.
Result<boost::json::value> parse_json(std::string_view text);

/// Compact, members in their order, numbers as the shortest decimal that reads back equal.
/// A number that is not finite becomes null.
std::string json_text(const boost::json::value& value);

/// A value for a message: its text on one line, shortened.
std::string brief(const boost::json::value& value);
/// A key for a message: as it is, or like a string value if it is long or odd.
std::string shown_key(std::string_view key);
/// Whether a text looks like a field's name or path: letters, digits, "_", "-", ".", "[" and "]".
bool is_plain_name(std::string_view text);

/// The double that prints as a float's shortest decimal: -0.1f becomes -0.1.
double shortest_decimal(float x);

}  // namespace ernie
