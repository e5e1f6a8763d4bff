#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "bench/machine_load.h"
#include "cli/report_flags.h"

namespace ernie {

/// write_reports() with what the machine did beside the measurement; in the JSON as `machine_load`.
Result<void> write_bench_report(const ReportFlags& flags, report::Report report,
                                boost::json::object figures,
                                const std::optional<bench::MachineLoad>& load);

}  // namespace ernie
