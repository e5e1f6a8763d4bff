#include "verify/ops/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "report/format.h"
#include "verify/ops/check_names.h"

namespace ernie::verify::ops {
namespace {

using report::Cell;
using report::Chart;
using report::format_number;
using report::Paragraph;
using report::Section;
using report::Table;
using report::Text;
using report::Verdict;

Verdict verdict_of(bool passed) { return passed ? Verdict::kPass : Verdict::kFail; }

std::string count_text(int64_t n) {
  std::string text = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<size_t>(at), ",");
  }
  return text;
}

std::string configuration_name(const OpsConfiguration& c) {
  const std::string dtype(dtype_name(c.suite.store));
  return c.isa.empty() ? dtype : c.isa + ", " + dtype;
}

/// A share of what is allowed, with a bar; exact operations have none.
Cell share_cell(double share, bool exact) {
  if (exact) return {.text = {"bit for bit", "逐位相同"}};
  return {.text = format_number(share), .bar = share};
}

bool is_exact(const Worst& w) { return w.worst != nullptr && w.worst->tolerance.emax == 0; }

std::string worst_text(const Worst& w) {
  return w.worst == nullptr ? "" : w.worst->shape + "; " + w.worst->input.text();
}

Table operations_table(const SuiteResults& suite) {
  Table table{.caption = {"Largest error of each operation as a share of what rounding may cause",
                          "各算子最大误差占舍入预算的比例"},
              .columns = {{{"operation", "算子"}},
                          {{"cases", "用例"}, true},
                          {{"failed", "失败"}, true},
                          {{"largest", "最大"}, true},
                          {{"rms", "均方根"}, true},
                          {{"worst case", "最差用例"}}}};
  for (const OperationResults& op : suite.operations) {
    const Worst w = worst_of(op);
    if (w.num_cases == 0) continue;
    table.rows.push_back({{.text = w.name, .verdict = verdict_of(w.num_failed == 0)},
                          {.text = count_text(w.num_cases)},
                          {.text = count_text(w.num_failed)},
                          share_cell(w.emax_share, is_exact(w)),
                          share_cell(w.erms_share, is_exact(w)),
                          {.text = worst_text(w)}});
  }
  return table;
}

/// More colours than these cannot be told apart: what is left of the classes shares one.
constexpr size_t kMaxSeries = 6;

report::Series& series_of(Chart& chart, const std::string& name) {
  const auto named = [](const report::Series& s) { return s.name.en; };
  auto at = std::ranges::find(chart.series, name, named);
  if (at != chart.series.end()) return *at;
  if (chart.series.size() + 1 < kMaxSeries) {
    return chart.series.emplace_back(report::Series{name, report::SeriesKind::kBars, {}});
  }
  const Text rest{"other classes", "其他类别"};
  at = std::ranges::find(chart.series, rest.en, named);
  if (at != chart.series.end()) return *at;
  return chart.series.emplace_back(report::Series{rest, report::SeriesKind::kBars, {}});
}

Chart errors_chart(const SuiteResults& suite) {
  Chart chart{.title = {"Error against budget, by operation and class of input",
                        "按算子与输入类别的误差与预算"},
              .x = {.label = {"operation", "算子"}},
              .y = {.label = {"largest error / budget", "最大误差 / 预算"}, .log = true},
              .lines = {{1, {"budget", "预算"}}}};
  for (const OperationResults& op : suite.operations) {
    const Worst all = worst_of(op);
    // On a logarithmic axis nothing can be shown of what is exact.
    if (all.num_cases == 0 || all.emax_share == 0) continue;
    const auto x = static_cast<double>(chart.categories.size());
    chart.categories.push_back(all.name);
    for (const Worst& w : worst_by_input(op)) {
      if (w.emax_share == 0) continue;
      std::vector<report::Point>& points = series_of(chart, w.name).points;
      if (points.empty() || points.back().x != x) {
        points.push_back({x, w.emax_share, w.name});
      } else if (w.emax_share > points.back().y) {
        points.back() = {x, w.emax_share, w.name};
      }
    }
  }
  return chart;
}

Table inputs_table(const SuiteResults& suite) {
  Table table{.caption = {"By class of input", "按输入类别"},
              .columns = {{{"operation", "算子"}},
                          {{"input", "输入"}},
                          {{"cases", "用例"}, true},
                          {{"failed", "失败"}, true},
                          {{"largest", "最大"}, true}}};
  for (const OperationResults& op : suite.operations) {
    for (const Worst& w : worst_by_input(op)) {
      table.rows.push_back({{.text = std::string(op.op)},
                            {.text = w.name},
                            {.text = count_text(w.num_cases)},
                            {.text = count_text(w.num_failed),
                             .verdict = w.num_failed == 0 ? Verdict::kNone : Verdict::kFail},
                            share_cell(w.emax_share, is_exact(w))});
    }
  }
  return table;
}

Table vendor_table(const SuiteResults& suite) {
  Table table{.caption = {"The measures that frameworks and vendors publish, worst case of each "
                          "operation (relative ones say little near zero)",
                          "框架与厂商公布的指标，取各算子最差值（接近零时相对指标意义不大）"},
              .columns = {{{"operation", "算子"}},
                          {"allclose 1e-2/1e-3", true},
                          {{"CANN mixed", "CANN 混合容差"}, true},
                          {"MERE", true},
                          {"MARE", true},
                          {"RMSE", true},
                          {"NMSE", true},
                          {{"1 − cosine", "1 − 余弦"}, true},
                          {{"ulp", "最大 ulp"}, true}}};
  for (const OperationResults& op : suite.operations) {
    const Worst w = worst_of(op);
    if (w.num_cases == 0) continue;
    const auto of_all = [&](int64_t n) {
      return report::format_percent(static_cast<double>(n) / static_cast<double>(w.num_cases));
    };
    table.rows.push_back({{.text = w.name},
                          {.text = of_all(w.num_allclose)},
                          {.text = of_all(w.num_mixed)},
                          {.text = format_number(w.mere)},
                          {.text = format_number(w.mare)},
                          {.text = format_number(w.rmse)},
                          {.text = format_number(w.nmse)},
                          {.text = format_number(std::max(1 - w.min_cosine, 0.0))},
                          {.text = format_number(w.max_ulp)}});
  }
  return table;
}

Table failures_table(const SuiteResults& suite) {
  constexpr size_t kMost = 50;
  Table table{.caption = {"Failed cases (at most 50; --cases writes all)",
                          "失败用例（最多 50 个；--cases 写出全部）"},
              .columns = {{{"operation", "算子"}},
                          {{"shape", "形状"}},
                          {{"input", "输入"}},
                          {{"seed", "种子"}, true},
                          {{"checks", "检查"}},
                          {{"index", "位置"}, true},
                          {{"got", "得到"}, true},
                          {{"expected", "应为"}, true},
                          {{"budget", "预算"}, true}}};
  for (const OperationResults& op : suite.operations) {
    for (const CaseResult& c : op.cases) {
      if (c.failures.empty() || table.rows.size() == kMost) continue;
      table.rows.push_back({{.text = std::string(c.op), .verdict = Verdict::kFail},
                            {.text = c.shape},
                            {.text = c.input.text()},
                            {.text = std::to_string(c.seed)},
                            {.text = fmt::format("{}", fmt::join(c.failures, ", "))},
                            {.text = std::to_string(c.error.worst_index)},
                            {.text = format_number(c.error.worst_got, 9)},
                            {.text = format_number(c.error.worst_want, 9)},
                            {.text = format_number(c.error.worst_budget)}});
    }
  }
  return table;
}

Paragraph canary_paragraph(const FaultResult& canary) {
  const bool caught = canary.caught();
  return {.text = {fmt::format("Canary: a fault that the seed chose ({}: {}) turned {} of {} cases "
                               "red.",
                               canary.fault->op, canary.fault->name.en, canary.num_red,
                               canary.num_cases),
                   fmt::format("金丝雀：由种子选出的故障（{}：{}）使 {} / {} 个用例变红。",
                               canary.fault->op, canary.fault->name.zh, canary.num_red,
                               canary.num_cases)},
          .verdict = verdict_of(caught)};
}

Cell seen_cell(const FaultResult& f, bool seen) {
  if (f.fault->op == "sample") return {.text = "–"};  // tokens have no difference to measure
  return {.text = seen ? Text{"sees it", "能发现"} : Text{"passes it", "放过"},
          .verdict = seen ? Verdict::kNone : Verdict::kWarn};
}

Table faults_table(const InjectionResults& injection) {
  Table table{
      .caption = {"Injected faults; the last two columns say whether the usual tolerances catch "
                  "them on the same cases",
                  "注入的故障（最后两列：常用容差能否在同样的用例上发现它）"},
      .columns = {{{"operation", "算子"}},
                  {{"fault", "故障"}},
                  {{"verdict", "结论"}},
                  {{"red cases", "变红用例"}, true},
                  {{"checks", "检查"}},
                  {"allclose 1e-2/1e-3"},
                  {{"CANN mixed", "CANN 混合容差"}}}};
  for (const FaultResult& f : injection.faults) {
    if (!f.applies) {
      table.rows.push_back({{.text = std::string(f.fault->op)},
                            {.text = f.fault->name},
                            {.text = {"changes nothing here", "在此设备上无影响"}},
                            {.text = "–"},
                            {.text = ""},
                            {.text = ""},
                            {.text = ""}});
      continue;
    }
    std::vector<std::string> checks;
    for (const auto& [name, count] : f.checks) checks.push_back(name);
    table.rows.push_back({{.text = std::string(f.fault->op)},
                          {.text = f.fault->name},
                          {.text = f.caught() ? Text{"caught", "发现"} : Text{"missed", "漏过"},
                           .verdict = verdict_of(f.caught())},
                          {.text = fmt::format("{}/{}", f.num_red, f.num_cases)},
                          {.text = fmt::format("{}", fmt::join(checks, ", "))},
                          seen_cell(f, f.allclose_sees),
                          seen_cell(f, f.mixed_sees)});
  }
  table.folded = injection.passed();
  return table;
}

Paragraph injection_paragraph(const InjectionResults& injection) {
  int64_t allclose = 0, mixed = 0;
  for (const FaultResult& f : injection.faults) {
    allclose += f.applies && f.allclose_sees ? 1 : 0;
    mixed += f.applies && f.mixed_sees ? 1 : 0;
  }
  const int64_t all = injection.num_applicable();
  return {
      .text = {fmt::format("{} of {} faults caught; {} false alarms in {} cases without a fault. "
                           "allclose at 1e-2/1e-3 sees {} of them, CANN's mixed tolerance {}.",
                           injection.num_caught(), all, injection.false_alarms.size(),
                           injection.num_control_cases, allclose, mixed),
               fmt::format("发现 {} / {} 个故障；{} 次误报（{} 个无故障用例）。allclose 1e-2/1e-3 "
                           "发现 {} 个，CANN 混合容差发现 {} 个。",
                           injection.num_caught(), all, injection.false_alarms.size(),
                           injection.num_control_cases, allclose, mixed)},
      .verdict = verdict_of(injection.passed())};
}

/// The five cases of the published report, with what it says of them.
Table published_table(const SuiteResults& suite) {
  Table table{
      .caption = {"The five published cases. Another machine's figures: Ascend 910, "
                  "2026-05-20; a largest difference of exactly 0 between two machines' "
                  "results is not credible",
                  "公布的五个用例。对方数据来自昇腾 910，2026-05-20；两种机器结果的最大差恰为 0 "
                  "并不可信"},
      .columns = {{{"operation", "算子"}},
                  {{"shape", "形状"}},
                  {{"published: largest difference", "公布：最大差"}, true},
                  {{"here: largest difference", "此处：最大差"}, true},
                  {{"relative (MARE)", "相对 (MARE)"}, true},
                  {{"share of budget", "占预算"}, true},
                  {{"verdict", "结论"}}}};
  for (const OperationResults& op : suite.operations) {
    for (const CaseResult& c : op.cases) {
      const double share = c.tolerance.emax > 0 ? c.error.emax / c.tolerance.emax : 0;
      table.rows.push_back(
          {{.text = std::string(c.op)},
           {.text = c.shape},
           {.text = {"0.000000, passed", "0.000000，通过"}},
           {.text = format_number(c.error.max_abs)},
           {.text = format_number(c.error.mare)},
           {.text = format_number(share), .bar = share},
           {.text = c.failures.empty() ? Text{"passed", "通过"} : Text{"failed", "失败"},
            .verdict = verdict_of(c.failures.empty())}});
    }
  }
  return table;
}

/// What the names of the checks that stand in this configuration's tables mean, if any do.
std::optional<Paragraph> checks_paragraph(const OpsConfiguration& c) {
  std::set<std::string> names;
  for (const OperationResults& op : c.suite.operations) {
    for (const CaseResult& result : op.cases) {
      names.insert(result.failures.begin(), result.failures.end());
    }
  }
  if (c.injection) {
    for (const FaultResult& f : c.injection->faults) {
      for (const auto& [name, count] : f.checks) names.insert(name);
    }
  }
  if (names.empty()) return std::nullopt;
  return Paragraph{.text = legend_of_checks(names)};
}

Paragraph ulp_paragraph() {
  return {.text = {"The verdict does not depend on these measures. The ulp count is the difference "
                   "divided by the spacing of numbers at the true value, so a sum that cancels to "
                   "nearly zero has thousands of ulps although its error is ordinary rounding.",
                   "以上指标不参与判定。ulp 数等于误差除以真值处的浮点间隔：求和几乎抵消为零时，"
                   "误差仍属正常舍入，ulp 数却可达数千。"}};
}

Section configuration_section(const OpsRun& run, const OpsConfiguration& c) {
  Section section{.heading = {run.device + ", " + configuration_name(c)}};
  section.blocks.emplace_back(
      Paragraph{.text = {fmt::format("{}. {} cases in {:.1f} s.", c.suite.device_description,
                                     count_text(c.suite.num_cases()), c.suite.seconds),
                         fmt::format("{}。{} 个用例，{:.1f} 秒。", c.suite.device_description,
                                     count_text(c.suite.num_cases()), c.suite.seconds)}});
  if (run.device == oracle_device()) {
    section.blocks.emplace_back(Paragraph{
        .text = {"This device shares its code with the oracle: what follows says something about "
                 "rounding, nothing about the device.",
                 "该设备与基准共用代码：以下结果只说明舍入，不能证明设备正确。"},
        .verdict = Verdict::kWarn});
  }
  if (run.suite == "published") section.blocks.emplace_back(published_table(c.suite));
  section.blocks.emplace_back(operations_table(c.suite));
  if (c.suite.num_failed() > 0) section.blocks.emplace_back(failures_table(c.suite));
  if (auto legend = checks_paragraph(c)) section.blocks.emplace_back(*std::move(legend));
  section.blocks.emplace_back(canary_paragraph(c.canary));
  section.blocks.emplace_back(errors_chart(c.suite));
  section.blocks.emplace_back(vendor_table(c.suite));
  section.blocks.emplace_back(ulp_paragraph());
  if (c.injection) {
    section.blocks.emplace_back(injection_paragraph(*c.injection));
    section.blocks.emplace_back(faults_table(*c.injection));
  }
  if (run.suite == "full") section.blocks.emplace_back(inputs_table(c.suite));
  return section;
}

/// A row for each configuration, where there are several.
Section overview_section(const OpsRun& run) {
  Table table{.columns = {{{"configuration", "配置"}},
                          {{"cases", "用例"}, true},
                          {{"failed", "失败"}, true},
                          {{"largest share of a budget", "预算最大占比"}, true},
                          {{"faults caught", "发现的故障"}, true},
                          {{"time", "耗时"}, true},
                          {{"verdict", "结论"}}}};
  for (const OpsConfiguration& c : run.configurations) {
    double share = 0;
    for (const OperationResults& op : c.suite.operations) {
      share = std::max(share, worst_of(op).emax_share);
    }
    const std::string faults =
        c.injection ? fmt::format("{}/{}", c.injection->num_caught(), c.injection->num_applicable())
                    : fmt::format("{}/1", c.canary.caught() ? 1 : 0);
    table.rows.push_back({{.text = configuration_name(c)},
                          {.text = count_text(c.suite.num_cases())},
                          {.text = count_text(c.suite.num_failed())},
                          {.text = format_number(share), .bar = share},
                          {.text = faults},
                          {.text = report::format_si(c.suite.seconds, "s")},
                          {.verdict = verdict_of(c.passed())}});
  }
  return {{"Overview", "总览"}, {std::move(table)}};
}

}  // namespace

report::Report ops_report(const OpsRun& run) {
  report::Report report{
      .title = {"Verification of operations", "算子精度验证"},
      .verdict = verdict_of(run.passed()),
      .summary = {
          fmt::format("{} cases on {}, suite {}: {} failed. Each element is held against a "
                      "reference in double; an error of 1 is what rounding may cause.",
                      count_text(run.num_cases()), run.device, run.suite,
                      count_text(run.num_failed())),
          fmt::format("在 {} 上运行 {} 个用例（{}）：{} 个失败。每个元素都与双精度基准比较；"
                      "误差 1 即舍入允许的上限。",
                      run.device, count_text(run.num_cases()), run.suite,
                      count_text(run.num_failed()))}};
  if (run.configurations.size() > 1) report.sections.push_back(overview_section(run));
  for (const OpsConfiguration& c : run.configurations) {
    report.sections.push_back(configuration_section(run, c));
  }
  return report;
}

}  // namespace ernie::verify::ops
