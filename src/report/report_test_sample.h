#pragma once

#include "report/report.h"

namespace ernie::report {

/// An invented report with everything that the renderers know, as large as real ones. The same at
/// every call.
Report sample_report();

}  // namespace ernie::report
