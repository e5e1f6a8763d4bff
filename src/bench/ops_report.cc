#include "bench/ops_report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/report_parts.h"
#include "report/format.h"

namespace ernie::bench {
namespace {

using report::Cell;
using report::Chart;
using report::format_number;
using report::format_percent;
using report::format_si;
using report::Paragraph;
using report::Table;
using report::Text;
using report::Verdict;

/// Milliseconds with as many digits as the deviation leaves meaning: it with two, the mean to the
/// same place.
std::string ms_text(double mean_ms, double sd_ms) {
  int decimals = 4;
  if (std::isfinite(sd_ms) && sd_ms > 0) {
    decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(sd_ms))), 0, 4);
  }
  return fmt::format("{:.{}f} ± {:.{}f} ms", mean_ms, decimals, sd_ms, decimals);
}

std::string rate_text(double tokens_per_s) {
  return tokens_per_s >= 1e4 ? fmt::format("{:.0f}", tokens_per_s) : format_number(tokens_per_s, 4);
}

Table times_table(const OpRun& run) {
  Table table{.caption = {"Time per call", "每次调用耗时"},
              .columns = {{{"operation", "算子"}},
                          {{"shape", "形状"}},
                          {{"mean ± sd", "均值 ± 标准差"}, true},
                          {{"median", "中位数"}, true},
                          {{"p5", "p5"}, true},
                          {{"p95", "p95"}, true},
                          {{"tokens/s", "token/秒"}, true},
                          {{"samples", "样本数"}, true}}};
  for (const OpResult& row : run.results) {
    const Summary s = summarize(row.samples);
    table.rows.push_back({{row.name},
                          {row.shape},
                          {time_text(s.mean, s.sd)},
                          {time_text(s.median)},
                          {time_text(s.p5)},
                          {time_text(s.p95)},
                          {rate_text(row.tokens / s.median)},
                          {std::to_string(s.count)}});
  }
  return table;
}

Table shares_table(const OpRun& run) {
  Table table{.caption = {"Share of this machine's limit, by the median time",
                          "达到本机极限的比例（按中位耗时）"},
              .columns = {{{"operation", "算子"}},
                          {{"shape", "形状"}},
                          {{"bytes", "字节"}, true},
                          {{"operations", "运算量"}, true},
                          {{"B/s", "B/s"}, true},
                          {{"FLOP/s", "FLOP/s"}, true},
                          {{"limit", "极限耗时"}, true},
                          {{"bound by", "受限于"}},
                          {{"share of the limit", "占极限的比例"}, true},
                          {{"machine", "机器速度"}, true}}};
  for (const OpResult& row : run.results) {
    const LimitShare share = limit_share(row, run.limits);
    const double speed = machine_speed_during(row, run.results);
    table.rows.push_back(
        {{row.name},
         {row.shape},
         {format_si(row.cost.bytes, "B")},
         {row.cost.operations > 0 ? format_si(row.cost.operations, "") : "0"},
         {format_si(share.gb_per_s * 1e9, "")},
         {row.cost.operations > 0 ? format_si(share.gflop_per_s * 1e9, "") : "0"},
         {time_text(share.limit.seconds)},
         {share.limit.by_memory ? Text("memory", "内存") : Text("arithmetic", "算力")},
         share_cell(share.share),
         {format_percent(speed, 2),
          speed < 1 - kDriftTolerance ? Verdict::kWarn : Verdict::kNone}});
  }
  return table;
}

/// How much longer or shorter a time is than the one it is compared with, by their ratio.
Text speed_text(double ratio) {
  const bool slower = ratio >= 1;
  const std::string factor = format_number(slower ? ratio : 1 / ratio);
  return slower ? Text(factor + "× slower", "慢至 " + factor + " 倍")
                : Text(factor + "× faster", "快至 " + factor + " 倍");
}

Table published_table(const OpRun& run) {
  Table table{.caption = {"Mean ± standard deviation beside what was published on 2026-05-20 for "
                          "another machine: one Ascend 910 NPU, bfloat16",
                          "均值 ± 标准差；与另一台机器的公开数据并列：一块昇腾 910 "
                          "NPU，bfloat16，2026-05-20 发布"},
              .columns = {{{"operation", "算子"}},
                          {{"time here", "本机耗时"}, true},
                          {{"time, Ascend 910", "昇腾 910 耗时"}, true},
                          {{"here, relative to the Ascend", "本机相对昇腾"}, true},
                          {{"tokens/s here", "本机 token/秒"}, true},
                          {{"tokens/s, Ascend 910", "昇腾 910 token/秒"}, true},
                          {{"share of this machine's limit", "占本机极限的比例"}, true}}};
  for (const OpResult& row : run.results) {
    if (!row.published) continue;
    const Summary s = summarize(row.samples);
    const PublishedFigure& there = *row.published;
    table.rows.push_back({{row.name},
                          {ms_text(s.mean * 1e3, s.sd * 1e3)},
                          {fmt::format("{:.4f} ± {:.4f} ms", there.mean_ms, there.sd_ms)},
                          {speed_text(s.mean * 1e3 / there.mean_ms)},
                          {rate_text(row.tokens / s.mean)},
                          {there.tokens_per_s > 0 ? rate_text(there.tokens_per_s) : ""},
                          share_cell(limit_share(row, run.limits).share)});
  }
  return table;
}

/// Where memory and arithmetic take equally long, and the lines to both sides of it.
report::Series roof(const MachineLimits& limits, double lowest, double highest) {
  const double bandwidth = limits.all_read_gb_per_s, peak = limits.peak_gflop_per_s();
  const double ridge = peak / bandwidth;
  report::Series series{.name = {"limit of this machine", "本机极限"},
                        .kind = report::SeriesKind::kLine};
  for (const double x : {std::min(lowest, ridge), ridge, std::max(highest, ridge)}) {
    series.points.push_back({x, std::min(peak, x * bandwidth), ""});
  }
  return series;
}

Chart roofline(const OpRun& run) {
  Chart chart{.title = {"Roofline: arithmetic done against arithmetic per byte moved",
                        "Roofline（屋顶线）：实际算力与计算强度"},
              .x = {{"operations per byte", "每字节运算量"}, true},
              .y = {{"GFLOP/s", "GFLOP/s"}, true}};
  std::map<std::string, report::Series> by_op;
  double lowest = HUGE_VAL, highest = 0;
  for (const OpResult& row : run.results) {
    if (row.cost.operations <= 0) continue;
    const double intensity = row.cost.operations / row.cost.bytes;
    lowest = std::min(lowest, intensity);
    highest = std::max(highest, intensity);
    report::Series& series = by_op[row.op];
    series.name = row.op;
    series.kind = report::SeriesKind::kPoints;
    series.points.push_back({intensity, limit_share(row, run.limits).gflop_per_s,
                             fmt::format("{}, {}", row.name.en, row.shape)});
  }
  if (by_op.empty()) return chart;
  chart.series.push_back(roof(run.limits, lowest, highest));
  for (auto& [op, series] : by_op) chart.series.push_back(std::move(series));
  return chart;
}

Paragraph drift_paragraph(const OpRun& run) {
  const MachineDrift drift = machine_drift(run.results);
  const double worst = std::max(drift.read.spread(), drift.peak.spread());
  const auto range = [](const Drift& d) {
    return fmt::format("{} – {}", format_percent(d.slowest), format_percent(d.fastest));
  };
  const bool steady = worst <= kDriftTolerance;
  return {
      {fmt::format("The machine's own speed during the run, by short probes between the samples "
                   "(5th to 95th percentile, relative to their median): memory read {}, "
                   "arithmetic {}.{}",
                   range(drift.read), range(drift.peak),
                   steady ? ""
                          : " It was not steady: read the medians, and repeat the run on a "
                            "quiet machine."),
       fmt::format("运行期间机器自身的速度（样本之间的短探测，第 5 至 95 百分位，相对其中位数）："
                   "内存读取 {}，算力 {}。{}",
                   range(drift.read), range(drift.peak),
                   steady ? "" : "机器速度不稳定：请看中位数，并在空闲的机器上重测。")},
      steady ? Verdict::kNone : Verdict::kWarn};
}

Paragraph method_paragraph(const OpRun& run) {
  const std::string size = report::format_bytes(run.working_set_bytes);
  return {
      {fmt::format(
           "Weights, cache and activations are copied until they fill {} or more, and each call "
           "takes the next copy, so nothing is read from a processor's cache. In a model's step "
           "small activations would still be there: the rows of a few tokens that have no "
           "weights are an upper bound of their time. Bytes are those of every operand once; "
           "operations count a multiply-add as two. The limit is the longer of bytes / memory "
           "read and operations / float32 multiply-add with the same threads.",
           size),
       fmt::format("权重、缓存与激活值各复制多份，总量不少于 {}，每次调用换用下一份，"
                   "因此不会从处理器缓存读取数据。在真实推理步骤中，小的激活值仍会留在缓存里："
                   "没有权重的少 token 行给出的是其耗时上界。字节数为每个操作数各计一次；"
                   "一次乘加计为两次运算。极限耗时取 字节/内存读取带宽 与 运算量/float32 乘加峰值 "
                   "中较长者（线程数相同）。",
                   size)}};
}

std::vector<std::string> rows_above_limit(const OpRun& run) {
  std::vector<std::string> names;
  for (const OpResult& row : run.results) {
    if (limit_share(row, run.limits).share > 1) names.push_back(row.name.en + ", " + row.shape);
  }
  return names;
}

Paragraph above_limit_paragraph(const std::vector<std::string>& names) {
  return {{fmt::format("Faster than the limit, which cannot be: {}. The limit was measured too low "
                       "(another program used the machine) or the operands were in a cache.",
                       fmt::join(names, "; ")),
           fmt::format("以下各行超过了极限，这不可能：{}。极限测得过低（有其他程序占用机器），"
                       "或操作数位于缓存中。",
                       fmt::join(names, "；"))},
          Verdict::kWarn};
}

Cell change_cell(Change change) {
  switch (change) {
    case Change::kFaster:
      return {{"faster", "变快"}, Verdict::kPass};
    case Change::kSlower:
      return {{"slower", "变慢"}, Verdict::kWarn};
    case Change::kNone:
      break;
  }
  return {{"no difference", "无差异"}};
}

Table comparison_table(const OpComparison& comparison) {
  Table table{.caption = {fmt::format("Against commit {} of {}", comparison.before.commit,
                                      comparison.before.date_utc),
                          fmt::format("对比提交 {}（{}）", comparison.before.commit,
                                      comparison.before.date_utc)},
              .columns = {{{"operation", "算子"}},
                          {{"shape", "形状"}},
                          {{"before", "之前"}, true},
                          {{"now", "现在"}, true},
                          {{"time, now / before", "耗时，现在 / 之前"}, true},
                          {{"99 % interval", "99% 区间"}, true},
                          {{"p", "p"}, true},
                          {{"tolerance", "容差"}, true},
                          {{"change", "变化"}}}};
  for (const OpChange& row : comparison.rows) {
    table.rows.push_back(
        {{row.name},
         {row.shape},
         {time_text(row.before_s)},
         {time_text(row.after_s)},
         {fmt::format("{:.3f}", row.time_ratio)},
         {fmt::format("{:.3f} – {:.3f}", row.ratio_interval.low, row.ratio_interval.high)},
         {format_number(row.p, 2)},
         {format_percent(row.tolerance, 2)},
         change_cell(row.change)});
  }
  return table;
}

report::Section comparison_section(const OpComparison& comparison) {
  report::Section section{.heading = {"What changed", "变化"}};
  if (comparison.limits_changed()) {
    section.blocks.push_back(Paragraph{
        {fmt::format("The machine itself changed between the runs: memory read × {:.2f}, "
                     "arithmetic × {:.2f}. Differences of that size say nothing about the "
                     "program.",
                     comparison.read_ratio, comparison.peak_ratio),
         fmt::format("两次运行之间机器本身发生了变化：内存读取 × {:.2f}，算力 × "
                     "{:.2f}。同等幅度的差异与程序无关。",
                     comparison.read_ratio, comparison.peak_ratio)},
        Verdict::kWarn});
  }
  const auto list = [&](const char* english, const char* chinese,
                        const std::vector<std::string>& items) {
    if (items.empty()) return;
    section.blocks.push_back(Paragraph{{fmt::format("{}: {}.", english, fmt::join(items, "; ")),
                                        fmt::format("{}：{}。", chinese, fmt::join(items, "；"))},
                                       Verdict::kWarn});
  };
  list("Settings that differ", "不同的设置", comparison.settings_changed);
  list("Only in the earlier run", "仅在之前的运行中", comparison.only_before);
  list("Only in this run", "仅在本次运行中", comparison.only_after);
  section.blocks.push_back(comparison_table(comparison));
  section.blocks.push_back(Paragraph{
      {"Faster or slower: Mann and Whitney's test below 0.01, the bootstrap interval of the ratio "
       "of "
       "medians excludes 1, and the ratio leaves the tolerance, which is 3 % or what the machine "
       "itself varied.",
       "判为变快或变慢的条件：Mann–Whitney 检验 p < 0.01，中位数之比的自助法区间不含 1，"
       "且比值超出容差（3% 或机器自身的变化）。"}});
  return section;
}

Text summary_text(const OpRun& run) {
  std::vector<double> shares;
  for (const OpResult& row : run.results) shares.push_back(limit_share(row, run.limits).share);
  const Summary s = summarize(shares);
  return {
      fmt::format("{} operations on {}: {} to {} of this machine's limit (memory or arithmetic, "
                  "whichever binds each), median {}.",
                  run.results.size(), run.device, format_percent(s.min), format_percent(s.max),
                  format_percent(s.median)),
      fmt::format("{} 项算子，设备 {}：达到本机极限（内存或算力，取起限制作用者）的 {} 至 "
                  "{}，中位数 {}。",
                  run.results.size(), run.device, format_percent(s.min), format_percent(s.max),
                  format_percent(s.median))};
}

}  // namespace

report::Report ops_report(const OpRun& run, const OpComparison* comparison) {
  report::Report report{.title = {"ERNIE-4.5 operations: speed against the machine's limits",
                                  "ERNIE-4.5 算子性能：与机器极限的比较"},
                        .summary = summary_text(run)};
  report::Section limits{.heading = {"Limits", "极限"}};
  limits.blocks.emplace_back(limits_table(run.limits));
  limits.blocks.emplace_back(drift_paragraph(run));

  report::Section operations{.heading = {"Operations", "算子"}};
  const std::vector<std::string> above = rows_above_limit(run);
  if (!above.empty()) {
    report.verdict = Verdict::kWarn;
    operations.blocks.emplace_back(above_limit_paragraph(above));
  }
  operations.blocks.emplace_back(times_table(run));
  operations.blocks.emplace_back(shares_table(run));
  operations.blocks.emplace_back(method_paragraph(run));
  operations.blocks.emplace_back(roofline(run));
  report.sections.push_back(std::move(operations));

  const auto is_published = [](const OpResult& row) { return row.published.has_value(); };
  if (std::ranges::any_of(run.results, is_published)) {
    report::Section published{.heading = {"Published figures", "公开数据"}};
    published.blocks.emplace_back(published_table(run));
    report.sections.push_back(std::move(published));
  }
  if (comparison != nullptr) report.sections.push_back(comparison_section(*comparison));
  report.sections.push_back(std::move(limits));
  return report;
}

}  // namespace ernie::bench
