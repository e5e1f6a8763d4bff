#pragma once

/// Runs of `ernie bench latency` and `throughput` as JSON: docs/schema/bench.schema.json.

#include <boost/json/object.hpp>

#include "bench/throughput.h"
#include "report/environment.h"

namespace ernie::bench {

boost::json::object latency_to_json(const LatencyRun& run, const report::Environment& environment);
boost::json::object throughput_to_json(const ThroughputRun& run,
                                       const report::Environment& environment);

}  // namespace ernie::bench
