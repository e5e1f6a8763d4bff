#pragma once

/// Strict JSON for the small files of a checkpoint. Only sources include this header.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ernie {

/// The text's one object. Nothing may follow it; comments, trailing commas, broken UTF-8, more than
/// 32 levels, and a key that occurs twice in one object are errors. `name` stands in the messages.
Result<boost::json::object> parse_json_object(std::string_view text, const std::string& name);

/// A JSON value for a message, cut if it is long.
std::string printable(const boost::json::value& value);

}  // namespace ernie
