#include "cli/receipt_report.h"

#include "report/format.h"

namespace ernie {
namespace {

namespace json = boost::json;
using report::Chart;
using report::Paragraph;
using report::Section;
using report::Table;
using report::Text;
using report::Verdict;

Verdict verdict_of(bool passed) { return passed ? Verdict::kPass : Verdict::kFail; }

Text summary(const ReceiptRun& run) {
  const ReceiptCounts& c = run.counts;
  if (c.num_receipts == 0) {
    return {"No receipt was checked, so nothing is known.", "没有检查任何收据，因此无法得出结论。"};
  }
  return {
      fmt::format("{} of {} lines verified, {} depart; {} tokens were computed again, each with "
                  "every logit it was chosen from.",
                  c.num_verified, c.num_lines, c.num_departing, c.num_tokens),
      fmt::format("共 {1} 行，{0} 行通过验证，{2} 行不符；重新计算了 {3} 个 "
                  "token，并核对了每个 token 所依据的全部 logits。",
                  c.num_verified, c.num_lines, c.num_departing, c.num_tokens)};
}

Table counts_table(const ReceiptRun& run) {
  const ReceiptCounts& c = run.counts;
  const auto row = [](Text name, int64_t count, Verdict verdict = Verdict::kNone) {
    return std::vector<report::Cell>{{std::move(name)}, {std::to_string(count), verdict}};
  };
  return {.columns = {{{"lines", "行"}}, {{"number", "数量"}, true}},
          .rows = {row({"verified", "通过验证"}, c.num_verified),
                   row({"departing", "不符"}, c.num_departing,
                       c.num_departing > 0 ? Verdict::kFail : Verdict::kNone),
                   row({"errors without an answer", "无答案的错误行"}, c.num_without_answer),
                   row({"all", "总计"}, c.num_lines)}};
}

Paragraph canary_paragraph(const ReceiptRun& run) {
  if (!run.canary) {
    return {{"No answer with a token held, so there was none to try the check itself on.",
             "没有任何含 token 的答案通过验证，因此无法检验本检查自身。"},
            Verdict::kNone};
  }
  const ReceiptCanary& c = *run.canary;
  if (c.finding.empty()) {
    return {{fmt::format("One bit of a logit was changed (line {}, token {}) and NOT noticed: this "
                         "check proves nothing.",
                         c.line_number, c.token),
             fmt::format("更改了一个 logit 的一位（第 {} 行，第 {} 个 "
                         "token），却没有被发现：本检查不能证明任何事。",
                         c.line_number, c.token)},
            Verdict::kFail};
  }
  return {
      {fmt::format("That this check can turn red: with one bit of a logit of line {} changed, it "
                   "says \"{}\".",
                   c.line_number, c.finding),
       fmt::format("本检查确能报错：更改第 {} 行一个 logit 的一位后，结论为 \"{}\"。",
                   c.line_number, c.finding)},
      Verdict::kPass};
}

Chart kinds_chart(const ReceiptRun& run) {
  Chart chart{.title = {"Lines that depart, by what departs", "不符的行数，按不符内容统计"},
              .x = {{"what departs", "不符内容"}},
              .y = {{"lines", "行数"}},
              .series = {{.name = {"lines", "行数"}, .kind = report::SeriesKind::kBars}}};
  for (const auto& [kind, count] : run.kinds) {
    chart.series[0].points.push_back(
        {static_cast<double>(chart.categories.size()), static_cast<double>(count), ""});
    chart.categories.emplace_back(kind);
  }
  return chart;
}

Section departures_section(const ReceiptRun& run) {
  Section section{{"Departures", "不符之处"}, {}};
  for (const std::string& finding : run.of_file) {
    section.blocks.emplace_back(Paragraph{{finding}, Verdict::kFail});
  }
  if (run.departing.empty()) return section;
  // Of a few lines the table below says it all.
  if (run.departing.size() > 5) section.blocks.emplace_back(kinds_chart(run));
  Table table{.caption = {"Lines that depart", "不符的行"},
              .columns = {{{"line", "行"}, true}, {{"id"}}, {{"what departs", "不符内容"}}}};
  for (const DepartingLine& line : run.departing) {
    table.rows.push_back(
        {{std::to_string(line.line_number)}, {line.id}, {joined(line.findings), Verdict::kFail}});
  }
  section.blocks.emplace_back(std::move(table));
  const auto num_left_out = run.counts.num_departing - static_cast<int64_t>(run.departing.size());
  if (num_left_out > 0) {
    section.blocks.emplace_back(Paragraph{{fmt::format("{} more are not listed.", num_left_out),
                                           fmt::format("另有 {} 行未列出。", num_left_out)}});
  }
  return section;
}

}  // namespace

report::Report receipt_report(const ReceiptRun& run) {
  report::Report report{.title = {"Receipts: answers computed again", "收据：重新计算的答案"},
                        .verdict = verdict_of(run.passed()),
                        .summary = summary(run)};
  Section lines{{"Answers", "答案"}, {}};
  lines.blocks.emplace_back(counts_table(run));
  lines.blocks.emplace_back(canary_paragraph(run));
  const double rate =
      run.seconds > 0 ? static_cast<double>(run.counts.num_tokens) / run.seconds : 0;
  lines.blocks.emplace_back(
      Paragraph{{fmt::format("Computing took {}, {} tokens a second.",
                             report::format_si(run.seconds, "s"), report::format_number(rate)),
                 fmt::format("计算耗时 {}，每秒 {} 个 token。", report::format_si(run.seconds, "s"),
                             report::format_number(rate))}});
  lines.blocks.emplace_back(Paragraph{
      {"A receipt is no signature: it says from what an answer was computed, and this run computed "
       "it from the same once more. Equal bits leave no room for another model, parameter, prompt "
       "or token.",
       "收据不是签名：它说明答案由什么计算而来，本次运行据此重新计算了一遍。"
       "逐位相同意味着不可能是其他模型、参数、提示词或 token。"}});
  report.sections.push_back(std::move(lines));
  if (run.counts.num_departing > 0 || !run.of_file.empty()) {
    report.sections.push_back(departures_section(run));
  }
  return report;
}

json::object receipts_to_json(const ReceiptRun& run, const report::Environment& environment) {
  const ReceiptCounts& c = run.counts;
  json::array departing;
  for (const DepartingLine& line : run.departing) {
    json::array findings;
    for (const Finding& finding : line.findings) findings.emplace_back(finding.text);
    departing.push_back(
        {{"line", line.line_number}, {"id", line.id}, {"findings", std::move(findings)}});
  }
  json::object kinds;
  for (const auto& [kind, count] : run.kinds) kinds[kind] = count;
  json::object object{{"format", "ernie verify receipt"},
                      {"version", 1},
                      {"passed", run.passed()},
                      {"lines", c.num_lines},
                      {"receipts", c.num_receipts},
                      {"verified", c.num_verified},
                      {"departing", c.num_departing},
                      {"without_answer", c.num_without_answer},
                      {"tokens", c.num_tokens},
                      {"seconds", run.seconds},
                      {"environment", report::to_json(environment)},
                      {"file_findings", json::array(run.of_file.begin(), run.of_file.end())},
                      {"kinds", std::move(kinds)},
                      {"departing_lines", std::move(departing)}};
  if (run.canary) {
    object["canary"] = {{"line", run.canary->line_number},
                        {"token", run.canary->token},
                        {"caught", !run.canary->finding.empty()},
                        {"finding", run.canary->finding}};
  }
  return object;
}

}  // namespace ernie
