#pragma once

#include <string>

#include "report/report.h"

namespace ernie::bench {

/// OpCase::name in both languages.
report::Text op_name_text(const std::string& name);

}  // namespace ernie::bench
