#pragma once

/// A JSON value as text, compact and deterministic, and shortened for messages.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace ernie {

/// Compact, members in their order, numbers as the shortest decimal that reads back equal.
/// A number that is not finite becomes null.
std::string json_text(const boost::json::value& value);

/// A value for a message: its text on one line, shortened.
std::string brief(const boost::json::value& value);
/// A key for a message: as it is, or like a string value if it is long or odd.
std::string shown_key(std::string_view key);

/// The double that prints as a float's shortest decimal: -0.1f becomes -0.1.
double shortest_decimal(float x);

}  // namespace ernie
