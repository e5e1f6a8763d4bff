#include "cli/bench_report.h"

#include "json/text.h"

namespace ernie {

Result<void> write_bench_report(const ReportFlags& flags, report::Report report,
                                boost::json::object figures,
                                const std::optional<bench::MachineLoad>& load) {
  bench::add_load(load, report);
  if (load) figures["machine_load"] = bench::load_to_json(*load);
  return write_reports(flags, report, json_text(figures) + "\n");
}

}  // namespace ernie
