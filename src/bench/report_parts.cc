#include "bench/report_parts.h"

#include <algorithm>

#include "report/format.h"

namespace ernie::bench {

using report::Cell;
using report::Text;

report::Table limits_table(const MachineLimits& limits) {
  const auto heading = [](int threads) {
    return threads == 1 ? Text("1 thread", "1 线程")
                        : Text(fmt::format("{} threads", threads), fmt::format("{} 线程", threads));
  };
  report::Table table{
      .caption = {"Limits of this machine, measured in this run", "本机极限（本次运行中测得）"},
      .columns = {{{"limit", "极限"}}, {{"instructions", "指令集"}}}};
  table.columns.push_back({heading(1), true});
  const bool several = limits.num_threads > 1;
  if (several) table.columns.push_back({heading(limits.num_threads), true});
  const auto add = [&](Text name, const std::string& isa, double one, double all,
                       const char* unit) {
    std::vector<Cell> row{{std::move(name)}, {isa}, {report::format_si(one * 1e9, unit)}};
    if (several) row.push_back({report::format_si(all * 1e9, unit)});
    table.rows.push_back(std::move(row));
  };
  add({"memory read", "内存读取"}, "", limits.one_read_gb_per_s, limits.all_read_gb_per_s, "B/s");
  for (const PeakRate& peak : limits.peaks) {
    add(peak.name, peak.isa, peak.one_gop_per_s, peak.all_gop_per_s,
        peak.name.starts_with("int8") ? "op/s" : "FLOP/s");
  }
  return table;
}

Cell share_cell(double share) {
  return {report::format_percent(share),
          share > 1 ? report::Verdict::kWarn : report::Verdict::kNone, share};
}

std::string time_text(double seconds) { return seconds < 0 ? "" : report::format_si(seconds, "s"); }

std::string time_text(double seconds, double sd) {
  return fmt::format("{} ± {}", report::format_si(seconds, "s"), report::format_si(sd, "s", 2));
}

report::Series distribution(Text name, std::span<const double> samples, double scale) {
  constexpr size_t kPoints = 100;
  report::Series series{.name = std::move(name), .kind = report::SeriesKind::kLine};
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  const size_t count = std::min(kPoints, sorted.size());
  for (size_t i = 0; i < count; ++i) {
    const double q = count == 1 ? 1 : static_cast<double>(i) / static_cast<double>(count - 1);
    series.points.push_back({percentile(sorted, q) * scale, q, ""});
  }
  return series;
}

}  // namespace ernie::bench
