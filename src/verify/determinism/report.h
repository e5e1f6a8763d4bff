#pragma once

#include <boost/json/object.hpp>

#include "report/environment.h"
#include "verify/determinism/determinism.h"

namespace ernie::verify::determinism {

/// For people; without the environment.
report::Report determinism_report(const DeterminismRun& run);

/// For programs: docs/schema/verify-determinism.schema.json.
boost::json::object determinism_to_json(const DeterminismRun& run,
                                        const report::Environment& environment);

}  // namespace ernie::verify::determinism
