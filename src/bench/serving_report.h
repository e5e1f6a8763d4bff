#pragma once

#include <boost/json/object.hpp>

#include "bench/serving_load.h"
#include "report/environment.h"
#include "report/report.h"

namespace ernie::bench {

/// The figures of a run, with every sample that they come from.
boost::json::object serving_to_json(const ServingRun& run, const report::Environment& environment);
/// Everything but Report::environment.
report::Report serving_report(const ServingRun& run);

}  // namespace ernie::bench
