#pragma once

#include "bench/op_compare.h"
#include "report/report.h"

namespace ernie::bench {

/// Everything but Report::environment. `comparison` may be null.
report::Report ops_report(const OpRun& run, const OpComparison* comparison);

}  // namespace ernie::bench
