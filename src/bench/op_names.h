#pragma once

#include <string>

#include "report/report.h"

namespace ernie::bench {

/// Operation::name in both languages.
report::Text op_name_text(const std::string& name);

}  // namespace ernie::bench
