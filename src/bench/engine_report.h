#pragma once

#include "bench/throughput.h"
#include "report/report.h"

namespace ernie::bench {

// Everything but Report::environment.
report::Report latency_report(const LatencyRun& run);
report::Report throughput_report(const ThroughputRun& run);

}  // namespace ernie::bench
