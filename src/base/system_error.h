#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ernie {

/// What errno says about an action that has just failed: "PATH: cannot ACTION: REASON".
/// kNotFound if there is no such file, else kIo.
Error system_error(std::string_view action, const std::string& path);

}  // namespace ernie
