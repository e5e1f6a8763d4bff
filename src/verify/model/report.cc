#include "verify/model/report.h"

#include <fmt/ranges.h>

#include "report/format.h"

namespace ernie::verify::model {
namespace {

using report::Cell;
using report::Chart;
using report::format_number;
using report::format_percent;
using report::Paragraph;
using report::Section;
using report::Table;
using report::Text;
using report::Verdict;

Verdict verdict_of(bool passed) { return passed ? Verdict::kPass : Verdict::kFail; }

Text short_point(const TapPoint& point) {
  const Text stage = stage_words(point.tap);
  const bool outside =
      point.tap == Tap::kEmbedding || point.tap == Tap::kFinalNorm || point.tap == Tap::kLogits;
  if (outside) return stage;
  return {fmt::format("{} {}", point.layer, tap_name(point.tap)),
          fmt::format("{} {}", point.layer, stage.zh)};
}

double share_of(double error, double budget) {
  if (budget > 0) return error / budget;
  return error > 0 ? INFINITY : 0;
}

Table checks_table(const ModelRun& run) {
  Table table{.caption = {"Rules", "判定规则"},
              .columns = {{{"rule", "规则"}},
                          {{"found", "实测"}, true},
                          {{"allowed", "允许"}, true},
                          {{"verdict", "结论"}}}};
  const auto add = [&](const Check& check) {
    table.rows.push_back({{.text = check.words},
                          {.text = format_number(check.measured)},
                          {.text = format_number(check.allowed)},
                          {.text = check.passed ? Text{"passed", "通过"} : Text{"failed", "失败"},
                           .verdict = verdict_of(check.passed)}});
  };
  for (const Check& check : run.check.checks) add(check);
  for (const Check& check : run.text_checks) add(check);
  return table;
}

Table stages_table(const ModelCheck& check) {
  Table table{
      .caption = {"Each stage by itself, computed from the truth's values; errors relative to the "
                  "value's row, as a share of what rounding may cause",
                  "各阶段单独计算（输入取自真值）；相对误差及其占舍入预算的比例"},
      .columns = {{{"stage", "阶段"}},
                  {{"relative error", "相对误差"}, true},
                  {{"of budget", "占预算"}, true},
                  {{"worst value", "最差值"}, true},
                  {{"of budget", "占预算"}, true},
                  {{"conditioning", "条件数"}, true}}};
  for (const PointResult& r : check.points) {
    const double l2 = share_of(r.alone.l2, r.budget.l2);
    const double worst = share_of(r.alone.worst, r.budget.worst);
    table.rows.push_back({{.text = short_point(r.point), .verdict = verdict_of(r.failures.empty())},
                          {.text = format_number(r.alone.l2)},
                          {.text = format_number(l2), .bar = l2},
                          {.text = format_number(r.alone.worst)},
                          {.text = format_number(worst), .bar = worst},
                          {.text = format_number(r.conditioning.worst_token)}});
  }
  return table;
}

Table growth_table(const ModelCheck& check) {
  const bool has_original = check.original.has_value();
  Table table{
      .caption = {"The whole pass: how the error grows, over tokens whose experts are the "
                  "truth's so far; the yardstick is what errors of the stages' budgets grow "
                  "to",
                  "整个前向：误差的增长（仅计路由至此一致的词元）；标尺为各阶段预算量级误差"
                  "所增长到的值"},
      .columns = {{{"point", "位置"}},
                  {{"tokens", "词元"}, true},
                  {{"relative error", "相对误差"}, true},
                  {{"growth", "增长"}, true},
                  {{"yardstick", "标尺"}, true},
                  {{"all tokens", "全部词元"}, true}}};
  if (has_original) {
    table.columns.push_back({{"original in bfloat16", "原实现 bfloat16"}, true});
  }
  for (const PointResult& r : check.points) {
    if (r.point.tap < Tap::kLayer && r.point.tap != Tap::kEmbedding) continue;
    std::vector<Cell> row{{.text = short_point(r.point), .verdict = verdict_of(!r.departs)},
                          {.text = std::to_string(r.num_free_tokens)},
                          {.text = format_number(r.free.l2)},
                          {.text = r.growth > 0 ? format_number(r.growth) : std::string("")},
                          {.text = format_number(r.yardstick)},
                          {.text = format_number(r.free_all_l2)}};
    if (has_original) {
      row.push_back({.text = r.original_l2 < 0 ? std::string("") : format_number(r.original_l2)});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Chart chart_by_layer(Text title) {
  return {.title = std::move(title),
          .x = {.label = {"layer", "层"}},
          .y = {.label = {"relative L2 error", "相对 L2 误差"}, .log = true}};
}

/// Of each layer the stage that comes nearest to its budget.
Chart stages_chart(const ModelCheck& check) {
  Chart chart =
      chart_by_layer({"The stage of each layer that is nearest to its budget, computed by itself",
                      "各层中最接近预算的阶段（单独计算）"});
  report::Series error{.name = {"stage by itself", "单独阶段"}},
      budget{.name = {"its budget", "其预算"}, .kind = report::SeriesKind::kLimit};
  const PointResult* worst = nullptr;
  for (const PointResult& r : check.points) {
    const bool in_layer = r.point.tap >= Tap::kAttention && r.point.tap <= Tap::kLayer;
    if (!in_layer) continue;
    const double share = share_of(r.alone.l2, r.budget.l2);
    if (worst == nullptr || share > share_of(worst->alone.l2, worst->budget.l2)) worst = &r;
    if (r.point.tap != Tap::kLayer) continue;
    const auto x = static_cast<double>(r.point.layer);
    if (worst->alone.num_values > 0) {
      error.points.push_back({x, worst->alone.l2, to_string(worst->point)});
      budget.points.push_back({x, worst->budget.l2, ""});
    }
    worst = nullptr;
  }
  chart.series = {std::move(error), std::move(budget)};
  return chart;
}

Chart growth_chart(const ModelCheck& check) {
  Chart chart = chart_by_layer({"How the error of the whole pass grows", "整个前向误差的增长"});
  report::Series whole{.name = {"whole pass", "整个前向"}},
      limit{.name = {"3 yardsticks", "3 倍标尺"}, .kind = report::SeriesKind::kLimit},
      original{.name = {"original in bfloat16", "原实现 bfloat16"}};
  for (const PointResult& r : check.points) {
    if (r.point.tap != Tap::kLayer) continue;
    const auto x = static_cast<double>(r.point.layer);
    if (r.num_free_tokens > 0) {
      whole.points.push_back({x, r.free.l2, to_string(r.point)});
      limit.points.push_back({x, kMaxOverYardstick * r.yardstick, ""});
    }
    if (r.original_l2 >= 0) original.points.push_back({x, r.original_l2, to_string(r.point)});
  }
  chart.series = {std::move(whole), std::move(limit)};
  if (!original.points.empty()) chart.series.push_back(std::move(original));
  return chart;
}

Table routing_table(const ModelCheck& check) {
  Table table{.caption = {"Choice of experts", "专家选择"},
              .columns = {{{"layer", "层"}, true},
                          {{"tokens", "词元"}, true},
                          {{"different", "不同"}, true},
                          {{"wrong", "错误"}, true},
                          {{"widest margin of a difference", "不同处的最大差距"}, true},
                          {{"closest decision", "最接近的抉择"}, true},
                          {{"wrong from true logits", "真实 logits 下错误"}, true},
                          {{"experts met", "用到的专家"}, true}}};
  for (const RoutingResult& r : check.routing) {
    table.rows.push_back(
        {{.text = std::to_string(r.layer)},
         {.text = std::to_string(r.free.num_decisions)},
         {.text = std::to_string(r.free.num_different)},
         {.text = std::to_string(r.free.num_wrong), .verdict = verdict_of(r.free.num_wrong == 0)},
         {.text =
              r.free.num_different > 0 ? format_number(r.free.largest_margin) : std::string("")},
         {.text = format_number(r.free.smallest_gap)},
         {.text = std::to_string(r.alone.num_wrong), .verdict = verdict_of(r.alone.num_wrong == 0)},
         {.text = std::to_string(r.alone.experts_met.size())}});
  }
  return table;
}

void add_distribution(Table& table, const Text& name, const DistributionFigures& f) {
  table.rows.push_back({{.text = name},
                        {.text = std::to_string(f.num_tokens)},
                        {.text = format_number(f.kl_mean)},
                        {.text = format_number(f.kl_p999)},
                        {.text = format_number(f.kl_max)},
                        {.text = format_percent(f.top1_agreement(), 4)},
                        {.text = f.num_predicted > 0 ? format_number(f.perplexity_want, 6) : ""},
                        {.text = f.num_predicted > 0 ? format_number(f.perplexity_got, 6) : ""}});
}

Table distribution_table(const ModelRun& run) {
  Table table{.caption = {"Distributions of the next token: KL divergence from the truth, and "
                          "perplexity",
                          "下一词元分布：相对真值的 KL 散度与困惑度"},
              .columns = {{{"over", "范围"}},
                          {{"tokens", "词元"}, true},
                          {{"KL mean", "KL 平均"}, true},
                          {{"KL 99.9 %", "KL 99.9 %"}, true},
                          {{"KL largest", "KL 最大"}, true},
                          {{"same likeliest", "最可能词元相同"}, true},
                          {{"perplexity, truth", "困惑度，真值"}, true},
                          {{"perplexity, device", "困惑度，设备"}, true}}};
  add_distribution(table, {"all prompts", "全部提示"}, run.check.distribution);
  add_distribution(table, {"tokens routed alike", "路由一致的词元"}, run.check.alike);
  if (run.check.original) {
    add_distribution(table, {"original in bfloat16", "原实现 bfloat16"}, *run.check.original);
  }
  if (run.text) add_distribution(table, {"text file", "文本文件"}, *run.text);
  return table;
}

Text summary_of(const ModelRun& run) {
  const ModelCheck& check = run.check;
  if (!check.departure_words.en.empty()) {
    return {"The model " + check.departure_words.en + ".",
            "模型" + check.departure_words.zh + "。"};
  }
  for (const auto* checks : {&check.checks, &run.text_checks}) {
    for (const Check& c : *checks) {
      if (c.passed) continue;
      return {fmt::format("Failed: {}: {}, allowed {}.", c.words.en, format_number(c.measured),
                          format_number(c.allowed)),
              fmt::format("失败：{}：{}，允许 {}。", c.words.zh, format_number(c.measured),
                          format_number(c.allowed))};
    }
  }
  if (check.canary && !check.canary->caught) {
    return {"An error that was put into one value was not noticed: this check proves nothing.",
            "故意放入一个数值的误差没有被发现：本次检验无效。"};
  }
  return {fmt::format("{} values of {} tokens agree with the truth within their budgets.",
                      check.num_comparisons, check.num_tokens),
          fmt::format("{} 个词元的 {} 个数值均在预算内与真值一致。", check.num_tokens,
                      check.num_comparisons)};
}

Paragraph canary_words(const ValueCanary& canary) {
  const Text where = point_words(canary.point);
  return {{fmt::format("Proof that the check can turn red: {} added to value [{}, {}] of {}: {}.",
                       format_number(canary.change), canary.row, canary.column, where.en,
                       canary.caught ? "noticed" : "not noticed"),
           fmt::format("检验能够变红的证明：在{}的值 [{}, {}] 上加 {}：{}。", where.zh, canary.row,
                       canary.column, format_number(canary.change),
                       canary.caught ? "已发现" : "未发现")},
          verdict_of(canary.caught)};
}

}  // namespace

report::Report model_report(const ModelRun& run, const std::string& model) {
  report::Report report{.title = {"Verification of a model", "模型验证"},
                        .verdict = verdict_of(run.passed()),
                        .summary = summary_of(run)};
  report.environment = {{{"model", "模型"}, model},
                        {{"device", "设备"}, run.device},
                        {{"truth", "真值"}, run.truth},
                        {{"prompts, tokens", "提示数、词元数"},
                         fmt::format("{}, {}", run.check.num_prompts, run.check.num_tokens)},
                        {{"seed", "随机种子"}, std::to_string(run.seed)},
                        {{"seconds", "耗时（秒）"}, format_number(run.seconds)}};
  Section verdict{{"Verdict", "结论"}, {checks_table(run)}};
  if (run.check.canary) verdict.blocks.emplace_back(canary_words(*run.check.canary));
  report.sections.push_back(std::move(verdict));
  report.sections.push_back(
      {{"Stage by stage", "逐阶段"}, {stages_chart(run.check), stages_table(run.check)}});
  report.sections.push_back(
      {{"Layer by layer", "逐层"}, {growth_chart(run.check), growth_table(run.check)}});
  if (!run.check.routing.empty()) {
    report.sections.push_back({{"Routing", "路由"}, {routing_table(run.check)}});
  }
  report.sections.push_back({{"What comes out", "输出分布"}, {distribution_table(run)}});
  return report;
}

}  // namespace ernie::verify::model
