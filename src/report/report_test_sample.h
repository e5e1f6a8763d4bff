#pragma once

#include "report/report.h"

namespace ernie::report {

/// An invented report with everything that the renderers know, as large as real ones. The same at
/// every call.
Report sample_report();

/// Nothing that a careful program would put into a report: markup and broken text for names, values
/// that are no numbers, tables and charts without content, rows of the wrong length.
Report hostile_report();

}  // namespace ernie::report
