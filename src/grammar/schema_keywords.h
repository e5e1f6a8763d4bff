#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "base/result.h"

namespace ernie {

/// Whether a schema consists of supported keywords with values that they may have. What lies within
/// its subschemas is not looked at.
Result<void> check_schema_keywords(const boost::json::value& schema, const std::string& path);

}  // namespace ernie
