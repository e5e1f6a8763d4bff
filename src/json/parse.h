#pragma once

/// One JSON text to a value tree, strictly.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ernie {

/// Reads exactly one JSON value, as a request or a line of a file brings it. Refused, with the byte
/// where it was noticed: anything after it, comments, text that is not UTF-8, a key that an object
/// has twice, more than 64 levels, an object of more than 4096 members, an array of more than a
/// million elements.
Result<boost::json::value> parse_json(std::string_view text);

/// A file's one object. As strict, but of at most 32 levels and as wide as the file: whoever reads
/// it has bounded that. `name` stands before the messages.
Result<boost::json::object> parse_json_object(std::string_view text, const std::string& name);

}  // namespace ernie
