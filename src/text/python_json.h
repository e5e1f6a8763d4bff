#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace ernie {

/// JSON as Python's json.dumps(value, ensure_ascii=False) writes it, which is what chat templates
/// were trained with: ", " and ": " between items, 1.0 for a double that is a whole number. As deep
/// as the value, which a parser has limited.
std::string python_json(const boost::json::value& value);

}  // namespace ernie
