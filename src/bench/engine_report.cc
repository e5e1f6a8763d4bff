#include "bench/engine_report.h"

#include <algorithm>

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
using report::Section;
using report::Table;
using report::Text;
using report::Verdict;

constexpr double kMs = 1e3;

/// "65% of the memory limit".
Text share_of_limit(const LimitTime& limit, double seconds) {
  const std::string share = format_percent(limit.seconds / seconds);
  return limit.by_memory ? Text(share + " of the memory limit", "内存带宽极限的 " + share)
                         : Text(share + " of the arithmetic limit", "算力极限的 " + share);
}

Text bound_by(const LimitTime& limit) {
  return limit.by_memory ? Text("memory", "内存") : Text("arithmetic", "算力");
}

std::string energy_text(const std::optional<double>& joules, double num_tokens) {
  if (!joules) return "";
  return format_si(*joules / std::max(num_tokens, 1.0), "J");
}

std::string memory_text(uint64_t bytes) { return report::format_bytes(bytes); }

Section startup_section(const ModelFacts& facts, const ProcessMemory& last, bool has_energy) {
  Table table{.caption = {"The model in memory", "内存中的模型"},
              .columns = {{{"what", "项目"}}, {{"figure", "数值"}, true}}};
  const auto add = [&](Text what, Text figure) {
    table.rows.push_back({{std::move(what)}, {std::move(figure)}});
  };
  add({"start of the process to ready, to 10 ms", "进程启动至就绪（精度 10 毫秒）"},
      time_text(facts.ready_age_s));
  add({"of it: loading the model", "其中：加载模型"}, time_text(facts.load_s));
  add({"weights", "权重"}, memory_text(static_cast<uint64_t>(facts.weight_bytes)));
  add({"KV cache", "KV 缓存"}, memory_text(static_cast<uint64_t>(facts.kv_cache_bytes)));
  add({"resident when ready", "就绪时的常驻内存"}, memory_text(facts.ready_memory.rss_bytes));
  add({"resident at the end", "结束时的常驻内存"}, memory_text(last.rss_bytes));
  add({"resident, peak", "常驻内存峰值"}, memory_text(last.peak_rss_bytes));
  add({"energy", "能耗"}, has_energy
                              ? Text("measured: RAPL of the packages", "已测量：处理器封装 RAPL")
                              : Text("not available here", "此处不可用"));
  Section section{.heading = {"Startup and memory", "启动与内存"}};
  section.blocks.emplace_back(std::move(table));
  return section;
}

Section limits_section(const MachineLimits& limits) {
  Section section{.heading = {"Limits", "极限"}};
  section.blocks.emplace_back(limits_table(limits));
  section.blocks.emplace_back(Paragraph{
      {"The limit of a step is the longer of two times: every weight it needs and every key and "
       "value it sees read once at memory speed, and its arithmetic at the float32 peak. Experts "
       "are taken as chosen uniformly.",
       "一步的极限耗时取两者中较长者：所需的全部权重与可见的全部键值以内存速度各读一次；"
       "或其运算以 float32 峰值完成。专家选择按均匀分布估计。"}});
  return section;
}

void add_energy_column(bool has_energy, Table& table) {
  if (has_energy) table.columns.push_back({{"energy per token", "每 token 能耗"}, true});
}

Section prefill_section(const LatencyRun& run) {
  Table table{
      .caption = {"Prefill: from the request to its first token", "预填充：从请求到首个 token"},
      .columns = {{{"prompt", "提示长度"}, true},
                  {{"batch", "批大小"}, true},
                  {{"first token, mean", "首 token，均值"}, true},
                  {{"p50", "p50"}, true},
                  {{"p99", "p99"}, true},
                  {{"tokens/s", "token/秒"}, true},
                  {{"limit of the batch", "整批极限耗时"}, true},
                  {{"bound by", "受限于"}},
                  {{"share of the limit", "占极限的比例"}, true}}};
  add_energy_column(run.has_energy, table);
  for (const PrefillResult& row : run.prefill) {
    const Summary first = summarize(row.first_token_s);
    const double batch_s = summarize(row.batch_s).median;
    const auto num_tokens = static_cast<double>(row.batch_size * row.input_len);
    std::vector<Cell> cells{{std::to_string(row.input_len)},
                            {std::to_string(row.batch_size)},
                            {time_text(first.mean)},
                            {time_text(first.median)},
                            {time_text(first.p99)},
                            {format_number(num_tokens / batch_s, 4)},
                            {time_text(row.limit.seconds)},
                            {bound_by(row.limit)},
                            share_cell(row.limit.seconds / batch_s)};
    if (run.has_energy) {
      cells.push_back(
          {energy_text(row.joules, num_tokens * static_cast<double>(row.batch_s.size()))});
    }
    table.rows.push_back(std::move(cells));
  }
  Section section{.heading = {"Prefill", "预填充"}};
  section.blocks.emplace_back(std::move(table));
  return section;
}

Chart inter_token_chart(const LatencyRun& run) {
  Chart chart{.title = {"Time between tokens: share of the steps that are no slower",
                        "token 间隔：不慢于该值的步所占比例"},
              .x = {{"ms", "毫秒"}},
              .y = {{"share", "比例"}}};
  for (const DecodeResult& row : run.decode) {
    const Text name{fmt::format("depth {}, batch {}", row.depth, row.batch_size),
                    fmt::format("深度 {}，批 {}", row.depth, row.batch_size)};
    chart.series.push_back(distribution(name, row.step_s, kMs));
  }
  return chart;
}

Section decode_section(const LatencyRun& run) {
  Table table{.caption = {"Decode: the time between two tokens of a sequence",
                          "解码：同一序列相邻 token 的间隔"},
              .columns = {{{"depth", "深度"}, true},
                          {{"batch", "批大小"}, true},
                          {{"mean ± sd", "均值 ± 标准差"}, true},
                          {{"p50", "p50"}, true},
                          {{"p99", "p99"}, true},
                          {{"tokens/s", "token/秒"}, true},
                          {{"read in a step", "每步读取"}, true},
                          {{"B/s", "B/s"}, true},
                          {{"limit", "极限耗时"}, true},
                          {{"bound by", "受限于"}},
                          {{"share of the limit", "占极限的比例"}, true}}};
  add_energy_column(run.has_energy, table);
  for (const DecodeResult& row : run.decode) {
    const Summary step = summarize(row.step_s);
    const auto batch = static_cast<double>(row.batch_size);
    std::vector<Cell> cells{{std::to_string(row.depth)},
                            {std::to_string(row.batch_size)},
                            {time_text(step.mean, step.sd)},
                            {time_text(step.median)},
                            {time_text(step.p99)},
                            {format_number(batch / step.mean, 4)},
                            {format_si(row.step_cost.bytes, "B")},
                            {format_si(row.step_cost.bytes / step.median, "")},
                            {time_text(row.limit.seconds)},
                            {bound_by(row.limit)},
                            share_cell(row.limit.seconds / step.median)};
    if (run.has_energy) {
      cells.push_back({energy_text(row.joules, batch * static_cast<double>(row.step_s.size()))});
    }
    table.rows.push_back(std::move(cells));
  }
  Section section{.heading = {"Decode", "解码"}};
  section.blocks.emplace_back(std::move(table));
  section.blocks.emplace_back(inter_token_chart(run));
  return section;
}

Table throughput_table(const ThroughputRun& run, const ThroughputFigures& figures) {
  Table table{.caption = {"Throughput", "吞吐量"},
              .columns = {{{"what", "项目"}}, {{"figure", "数值"}, true}}};
  const auto add = [&](Text what, std::string figure) {
    table.rows.push_back({{std::move(what)}, {std::move(figure)}});
  };
  add({"requests", "请求数"}, std::to_string(run.requests.size()));
  add({"time", "耗时"}, time_text(run.elapsed_s));
  add({"requests/s", "请求/秒"}, format_number(figures.requests_per_s, 4));
  add({"input tokens/s", "输入 token/秒"}, format_number(figures.input_tokens_per_s, 4));
  add({"output tokens/s", "输出 token/秒"}, format_number(figures.output_tokens_per_s, 4));
  add({"total tokens/s", "总 token/秒"}, format_number(figures.total_tokens_per_s, 4));
  add({"steps", "步数"}, std::to_string(run.steps.size()));
  add({"sequences that got a token, per step (mean over time)",
       "每步产出 token 的序列数（时间均值）"},
      fmt::format("{} of {}", format_number(figures.sequences_per_step), run.facts.max_num_seqs));
  if (run.has_energy) {
    add({"energy per output token", "每输出 token 能耗"},
        energy_text(run.joules, static_cast<double>(figures.num_output_tokens)));
  }
  add({"limit of these steps", "这些步的极限耗时"}, time_text(run.limit.seconds));
  table.rows.push_back({{Text("share of the limit", "达到极限的比例")},
                        share_cell(run.limit.seconds / run.elapsed_s)});
  return table;
}

Table latency_table(const ThroughputFigures& figures) {
  Table table{.caption = {"Latency; every request was queued at the beginning",
                          "延迟；所有请求在开始时同时入队"},
              .columns = {{{"what", "项目"}},
                          {{"mean", "均值"}, true},
                          {{"p50", "p50"}, true},
                          {{"p95", "p95"}, true},
                          {{"p99", "p99"}, true}}};
  const auto add = [&](Text what, const std::vector<double>& samples) {
    if (samples.empty()) return;
    const Summary s = summarize(samples);
    table.rows.push_back({{std::move(what)},
                          {time_text(s.mean)},
                          {time_text(s.median)},
                          {time_text(s.p95)},
                          {time_text(s.p99)}});
  };
  add({"first token", "首个 token"}, figures.first_token_s);
  add({"whole request", "整个请求"}, figures.total_s);
  add({"per output token after the first", "其后每个输出 token"}, figures.per_token_s);
  return table;
}

Chart request_chart(const ThroughputFigures& figures) {
  Chart chart{.title = {"Latency: share of the requests that are no slower",
                        "延迟：不慢于该值的请求所占比例"},
              .x = {{"s", "秒"}},
              .y = {{"share", "比例"}}};
  chart.series.push_back(distribution({"first token", "首个 token"}, figures.first_token_s, 1));
  chart.series.push_back(distribution({"whole request", "整个请求"}, figures.total_s, 1));
  return chart;
}

/// At most a hundred points: the mean of the steps in each hundredth of the time.
Chart occupancy_chart(const ThroughputRun& run) {
  constexpr size_t kPoints = 100;
  Chart chart{
      .title = {"Occupancy: sequences that got a token in a step", "占用：每步产出 token 的序列数"},
      .x = {{"s", "秒"}},
      .y = {{"sequences", "序列数"}},
      .lines = {
          {static_cast<double>(run.facts.max_num_seqs), {"--max-num-seqs", "--max-num-seqs"}}}};
  report::Series series{.name = {"sequences", "序列数"}};
  const double width = run.elapsed_s / static_cast<double>(kPoints);
  size_t i = 0;
  for (size_t bin = 1; bin <= kPoints; ++bin) {
    double sum = 0, count = 0;
    for (; i < run.steps.size() &&
           (bin == kPoints || run.steps[i].end_s <= width * static_cast<double>(bin));
         ++i) {
      sum += static_cast<double>(run.steps[i].num_tokens);
      ++count;
    }
    if (count > 0) series.points.push_back({width * static_cast<double>(bin), sum / count, ""});
  }
  chart.series.push_back(std::move(series));
  return chart;
}

/// The first row of each kind: what a single request sees, unless other rows were asked for.
Text latency_summary(const LatencyRun& run) {
  std::string english = fmt::format("{} on {}", run.facts.model, run.facts.device);
  std::string chinese = fmt::format("{}，设备 {}", run.facts.model, run.facts.device);
  if (!run.decode.empty()) {
    const DecodeResult& row = run.decode.front();
    const Summary step = summarize(row.step_s);
    const std::string rate = format_number(static_cast<double>(row.batch_size) / step.median, 3);
    const Text share = share_of_limit(row.limit, step.median);
    english += fmt::format("; decode {} tokens/s, {}", rate, share.en);
    chinese += fmt::format("；解码每秒 {} 个 token，达到{}", rate, share.zh);
  }
  if (!run.prefill.empty()) {
    const PrefillResult& row = run.prefill.front();
    const Summary batch = summarize(row.batch_s);
    const std::string rate =
        format_number(static_cast<double>(row.batch_size * row.input_len) / batch.median, 3);
    const Text share = share_of_limit(row.limit, batch.median);
    english += fmt::format("; prefill {} tokens/s, {}", rate, share.en);
    chinese += fmt::format("；预填充每秒 {} 个 token，达到{}", rate, share.zh);
  }
  return {english + ".", chinese + "。"};
}

/// Whether a row is faster than its limit.
void warn_above_limit(double largest_share, report::Report& report) {
  if (largest_share <= 1) return;
  report.verdict = Verdict::kWarn;
  report.sections.back().blocks.emplace_back(Paragraph{
      {"A row is faster than its limit, which cannot be: the limit was measured too low because "
       "another program used the machine, the model fits into a cache, or its experts are not "
       "chosen uniformly.",
       "有一行超过了极限，这不可能：其他程序占用机器使极限测得过低，或模型可放入缓存，"
       "或专家并非均匀选择。"},
      Verdict::kWarn});
}

}  // namespace

report::Report latency_report(const LatencyRun& run) {
  report::Report report{
      .title = {"ERNIE-4.5: latency of prefill and decode", "ERNIE-4.5：预填充与解码延迟"}};
  double largest = 0;
  for (const PrefillResult& row : run.prefill) {
    largest = std::max(largest, row.limit.seconds / summarize(row.batch_s).median);
  }
  for (const DecodeResult& row : run.decode) {
    largest = std::max(largest, row.limit.seconds / summarize(row.step_s).median);
  }
  report.summary = latency_summary(run);
  if (!run.decode.empty()) report.sections.push_back(decode_section(run));
  if (!run.prefill.empty()) report.sections.push_back(prefill_section(run));
  report.sections.push_back(startup_section(run.facts, run.last_memory, run.has_energy));
  report.sections.push_back(limits_section(run.limits));
  warn_above_limit(largest, report);
  return report;
}

report::Report throughput_report(const ThroughputRun& run) {
  const ThroughputFigures figures = throughput_figures(run);
  report::Report report{.title = {"ERNIE-4.5: offline throughput", "ERNIE-4.5：离线吞吐量"}};
  report.summary = {fmt::format("{} requests ({}) through {} on {}: {} output tokens/s.",
                                run.requests.size(), run.source, run.facts.model, run.facts.device,
                                format_number(figures.output_tokens_per_s, 4)),
                    fmt::format("{} 个请求（{}），模型 {}，设备 {}：每秒输出 {} 个 token。",
                                run.requests.size(), run.source, run.facts.model, run.facts.device,
                                format_number(figures.output_tokens_per_s, 4))};
  Section section{.heading = {"Throughput", "吞吐量"}};
  section.blocks.emplace_back(throughput_table(run, figures));
  section.blocks.emplace_back(latency_table(figures));
  section.blocks.emplace_back(request_chart(figures));
  section.blocks.emplace_back(occupancy_chart(run));
  report.sections.push_back(std::move(section));
  report.sections.push_back(startup_section(run.facts, run.last_memory, run.has_energy));
  report.sections.push_back(limits_section(run.limits));
  warn_above_limit(run.limit.seconds / run.elapsed_s, report);
  return report;
}

}  // namespace ernie::bench
