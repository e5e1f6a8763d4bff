#pragma once

/// A run of `ernie bench ops` as JSON: docs/schema/bench.schema.json.

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "bench/op_compare.h"
#include "report/environment.h"

namespace ernie::bench {

/// The member "format" of the file.
inline constexpr const char* kOpsFormat = "ernie bench ops";

/// Samples of a row that are written, evenly spaced in time.
inline constexpr size_t kKeptSamples = 256;

/// `comparison` may be null.
boost::json::object ops_to_json(const OpRun& run, const report::Environment& environment,
                                const OpComparison* comparison);

/// What ops_to_json wrote, without its comparison (ops_reader.cc). `name` stands in messages.
/// Error: it is something else; the field that is missing or of another type.
Result<SavedOpRun> ops_from_json(const boost::json::value& value, const std::string& name);

// The same for every kind of measurement:
boost::json::object summary_to_json(const Summary& summary);
boost::json::object limits_to_json(const MachineLimits& limits);

}  // namespace ernie::bench
