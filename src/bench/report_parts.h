#pragma once

/// Pieces that the reports of all measurements share.

#include "bench/limits/limits.h"
#include "bench/statistics.h"
#include "report/report.h"

namespace ernie::bench {

report::Table limits_table(const MachineLimits& limits);
/// A share of a limit: a bar, and a warning above 1.
report::Cell share_cell(double share);
/// "12.3 ms", nothing for a negative one.
std::string time_text(double seconds);
/// "12.3 ± 0.4 ms"
std::string time_text(double seconds, double sd);
/// How samples are distributed: the share of them below each value. At most a hundred points.
report::Series distribution(report::Text name, std::span<const double> samples, double scale);

}  // namespace ernie::bench
