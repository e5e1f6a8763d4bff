#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "report/environment.h"
#include "report/report.h"
#include "verify/model/run.h"

namespace ernie::verify::model {

/// `model`: what was verified, one line. The report's environment has the rows of this run alone.
report::Report model_report(const ModelRun& run, const std::string& model);

/// docs/schema/verify-model.schema.json.
boost::json::object model_to_json(const ModelRun& run, const std::string& model,
                                  const report::Environment& environment);

}  // namespace ernie::verify::model
