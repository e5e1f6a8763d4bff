#pragma once

/// What the checks of an operation's cases are called in reports, in words.

#include <set>
#include <string>

#include "report/report.h"

namespace ernie::verify::ops {

/// A sentence for each of the names that are checks, in the order in which they matter; names that
/// are none of ours are left as they are, at the end.
report::Text legend_of_checks(std::set<std::string> names);

}  // namespace ernie::verify::ops
