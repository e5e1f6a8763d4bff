#pragma once

#include <optional>

#include "report/report.h"

namespace ernie::report {

/// What a chart shows, as a table: for points a row each, otherwise a row for each x and a column
/// for each series. Limits are left out. None if there are no points or more than 64 rows: nobody
/// reads a curve from hundreds of figures.
std::optional<Table> chart_table(const Chart& chart);

}  // namespace ernie::report
