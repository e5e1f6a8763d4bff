#pragma once

#include <boost/json/object.hpp>

#include "report/environment.h"
#include "report/report.h"
#include "verify/ops/summary.h"

namespace ernie::verify::ops {

/// For people; without the environment.
report::Report ops_report(const OpsRun& run);

/// For programs: docs/schema/verify-ops.schema.json.
boost::json::object ops_to_json(const OpsRun& run, const report::Environment& environment);

/// One case with all its figures, as a line of --cases.
boost::json::object case_to_json(const OpsConfiguration& configuration, const CaseResult& result);

}  // namespace ernie::verify::ops
