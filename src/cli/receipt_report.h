#pragma once

/// The report of what `verify receipt` found in a whole results file.

#include <boost/json/object.hpp>

#include "jobs/receipt_run.h"
#include "report/environment.h"

namespace ernie {

/// For people; without the environment.
report::Report receipt_report(const ReceiptRun& run);

/// For programs: docs/schema/verify-receipt.schema.json.
boost::json::object receipts_to_json(const ReceiptRun& run, const report::Environment& environment);

}  // namespace ernie
