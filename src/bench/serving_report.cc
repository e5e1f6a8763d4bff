#include "bench/serving_report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "bench/ops_json.h"
#include "bench/report_parts.h"
#include "report/format.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;
using report::Chart;
using report::format_number;
using report::Paragraph;
using report::Section;
using report::Table;
using report::Text;
using report::Verdict;

constexpr double kMs = 1e3;
constexpr size_t kKeptServingSamples = 10'000;

/// What is counted and timed over the requests that were answered.
struct Figures {
  std::vector<double> first_token_s, between_s, per_token_s, total_s;
  std::vector<double> late_s;  // behind the time at which a request was due
  int64_t num_ok = 0, num_good = 0;
  int64_t num_prompt_tokens = 0, num_output_tokens = 0, num_cached_tokens = 0;
};

Figures figures_of(const ServingRun& run) {
  Figures figures;
  for (const ServedRequest& request : run.requests) {
    if (!request.ok()) continue;
    ++figures.num_ok;
    figures.num_good += reaches_goals(request, run.options) ? 1 : 0;
    figures.num_prompt_tokens += request.num_prompt_tokens;
    figures.num_output_tokens += request.num_output_tokens;
    figures.num_cached_tokens += request.num_cached_tokens;
    figures.late_s.push_back(request.sent_s - request.due_s);
    figures.first_token_s.push_back(request.first_token_s());
    figures.total_s.push_back(request.total_s());
    if (request.num_output_tokens > 1) figures.per_token_s.push_back(request.per_token_s());
    for (size_t i = 1; i < request.chunk_s.size(); ++i) {
      figures.between_s.push_back(request.chunk_s[i] - request.chunk_s[i - 1]);
    }
  }
  return figures;
}

double rate(const ServingRun& run, int64_t count) {
  return run.duration_s > 0 ? static_cast<double>(count) / run.duration_s : 0;
}

/// Of requests under way at a time: the mean and the most.
std::pair<double, int64_t> concurrency_of(const ServingRun& run) {
  std::vector<std::pair<double, int64_t>> changes;
  double busy_s = 0;
  for (const ServedRequest& request : run.requests) {
    changes.emplace_back(request.sent_s, 1);
    changes.emplace_back(request.end_s, -1);
    busy_s += request.total_s();
  }
  std::ranges::sort(changes);
  int64_t now = 0, most = 0;
  for (const auto& change : changes) most = std::max(most, now += change.second);
  return {run.duration_s > 0 ? busy_s / run.duration_s : 0, most};
}

Table totals_table(const ServingRun& run, const Figures& figures) {
  Table table{.caption = {"The whole run", "整个测试"},
              .columns = {{{"what", "项目"}}, {{"figure", "数值"}, true}}};
  const auto add = [&](Text what, std::string figure) {
    table.rows.push_back({{std::move(what)}, {Text(std::move(figure))}});
  };
  const auto num_requests = static_cast<int64_t>(run.requests.size());
  add({"requests answered", "成功的请求"}, std::to_string(figures.num_ok));
  add({"requests that failed", "失败的请求"}, std::to_string(num_requests - figures.num_ok));
  if (run.was_interrupted) {
    add({"requests not done: interrupted", "因中断未完成的请求"},
        std::to_string(run.options.num_prompts - num_requests));
  }
  add({"duration", "时长"}, time_text(run.duration_s));
  add({"requests/s", "请求/秒"}, format_number(rate(run, figures.num_ok), 4));
  add({"good requests/s (goodput)", "达标请求/秒（goodput）"},
      format_number(rate(run, figures.num_good), 4));
  add({"output tokens/s", "输出 token/秒"}, format_number(rate(run, figures.num_output_tokens), 4));
  add({"all tokens/s", "全部 token/秒"},
      format_number(rate(run, figures.num_output_tokens + figures.num_prompt_tokens), 4));
  add({"prompt tokens", "提示 token"}, std::to_string(figures.num_prompt_tokens));
  add({"of these, cached", "其中命中缓存"}, std::to_string(figures.num_cached_tokens));
  add({"output tokens", "输出 token"}, std::to_string(figures.num_output_tokens));
  const auto [mean, most] = concurrency_of(run);
  add({"requests under way: mean, most", "同时进行的请求：均值、最多"},
      fmt::format("{}, {}", format_number(mean, 3), most));
  if (run.options.request_rate > 0 && !figures.late_s.empty()) {
    add({"sent after it was due (longest)", "晚于计划发出（最长）"},
        time_text(summarize(figures.late_s).max));
  }
  add({"processor time of this client", "本客户端的处理器时间"}, time_text(run.client_processor_s));
  return table;
}

/// The value below which each of the shares lies, in percent as asked for. `samples` not empty.
std::vector<double> percentiles_of(std::vector<double> samples, const ServingOptions& options) {
  std::ranges::sort(samples);
  std::vector<double> values;
  for (const double percent : options.percentiles) {
    values.push_back(percentile(samples, percent / 100));
  }
  return values;
}

Table latency_table(const ServingRun& run, const Figures& figures) {
  Table table{.caption = {"As the clients saw it", "客户端所见"},
              .columns = {{{"time", "时间"}}, {{"mean", "均值"}, true}}};
  for (const double percent : run.options.percentiles) {
    const std::string name = fmt::format("p{}", percent);
    table.columns.push_back({{name, name}, true});
  }
  table.columns.push_back({{"longest", "最长"}, true});
  const auto add = [&](Text what, const std::vector<double>& samples) {
    if (samples.empty()) return;
    const Summary s = summarize(samples);
    std::vector<report::Cell> cells{{std::move(what)}, {time_text(s.mean)}};
    for (const double value : percentiles_of(samples, run.options)) {
      cells.push_back({time_text(value)});
    }
    cells.push_back({time_text(s.max)});
    table.rows.push_back(std::move(cells));
  };
  add({"first token (TTFT)", "首 token（TTFT）"}, figures.first_token_s);
  add({"between pieces (ITL)", "片段间隔（ITL）"}, figures.between_s);
  add({"per token behind the first (TPOT)", "首个之后每 token（TPOT）"}, figures.per_token_s);
  add({"whole request", "整个请求"}, figures.total_s);
  return table;
}

Chart distribution_chart(const char* english, const char* chinese,
                         const std::vector<double>& samples) {
  Chart chart{.title = {std::string(english) + ": share that is no slower",
                        std::string(chinese) + "：不慢于该值的比例"},
              .x = {{"ms", "毫秒"}},
              .y = {{"share", "比例"}}};
  chart.series.push_back(distribution({english, chinese}, samples, kMs));
  return chart;
}

Section errors_section(const ServingRun& run) {
  Table table{.caption = {"Requests that failed", "失败的请求"},
              .columns = {{{"error", "错误"}}, {{"requests", "请求"}, true}}};
  for (const auto& [error, count] : count_errors(run)) {
    table.rows.push_back({{Text(error)}, {Text(std::to_string(count))}});
  }
  Section section{.heading = {"Errors", "错误"}};
  section.blocks.emplace_back(std::move(table));
  return section;
}

}  // namespace

namespace {

Text summary_of(const ServingRun& run, const Figures& figures) {
  if (figures.num_ok == 0) return {"No request was answered.", "没有请求得到回答。"};
  const Summary first = summarize(figures.first_token_s);
  const Summary between = summarize(figures.between_s);
  const std::string tokens = format_number(rate(run, figures.num_output_tokens), 4);
  Text text{fmt::format("{} tokens/s out, first token after {} (p50), {} between pieces (p50).",
                        tokens, time_text(first.median), time_text(between.median)),
            fmt::format("输出 {} token/秒，首 token {}（p50），片段间隔 {}（p50）。", tokens,
                        time_text(first.median), time_text(between.median))};
  if (run.was_interrupted) {
    text.en = "Interrupted: figures of the requests that were done. " + text.en;
    text.zh = "被中断：仅为已完成请求的数值。" + text.zh;
  }
  return text;
}

}  // namespace

report::Report serving_report(const ServingRun& run) {
  const Figures figures = figures_of(run);
  const bool all = figures.num_ok == static_cast<int64_t>(run.requests.size());
  report::Report report{.title = {"Serving: " + run.model, "服务：" + run.model},
                        .verdict = all && !run.was_interrupted ? Verdict::kNone : Verdict::kWarn};
  report.summary = summary_of(run, figures);
  Section section{.heading = {"Load", "负载"}};
  section.blocks.emplace_back(totals_table(run, figures));
  section.blocks.emplace_back(latency_table(run, figures));
  if (figures.num_ok > 1) {
    section.blocks.emplace_back(
        distribution_chart("First token", "首 token", figures.first_token_s));
    section.blocks.emplace_back(
        distribution_chart("Between pieces", "片段间隔", figures.between_s));
  }
  report.sections.push_back(std::move(section));
  if (!all) report.sections.push_back(errors_section(run));
  return report;
}

namespace {

json::object options_to_json(const ServingRun& run) {
  const ServingOptions& options = run.options;
  return {{"model", run.model},
          {"url", options.server.url},
          {"endpoint", options.endpoint},
          {"num_prompts", options.num_prompts},
          {"prefix_len", options.prefix_len},
          {"input_len", options.input_len},
          {"output_len", options.output_len},
          {"range_ratio", options.range_ratio},
          {"request_rate", options.request_rate},
          {"burstiness", options.burstiness},
          {"max_concurrency", options.max_concurrency},
          {"seed", options.seed}};
}

/// Of one kind of time: its summary, the percentiles that were asked for, and every sample.
void add_times(json::object& object, const std::string& name, const std::vector<double>& samples,
               const ServingOptions& options) {
  if (samples.empty()) return;
  object[name] = summary_to_json(summarize(samples));
  json::object percentiles;
  const std::vector<double> values = percentiles_of(samples, options);
  for (size_t i = 0; i < values.size(); ++i) {
    percentiles[fmt::format("p{}", options.percentiles[i])] = values[i];
  }
  object[name + "_percentiles_s"] = std::move(percentiles);
  object[name + "_samples_s"] = json::value_from(thinned(samples, kKeptServingSamples));
}

}  // namespace

json::object serving_to_json(const ServingRun& run, const report::Environment& environment) {
  const Figures figures = figures_of(run);
  json::object errors;
  for (const auto& [error, count] : count_errors(run)) errors[error] = count;
  const auto num_ended = static_cast<int64_t>(run.requests.size());
  const auto [mean_concurrency, peak_concurrency] = concurrency_of(run);
  json::object object{{"format", "ernie bench serve"},
                      {"version", 1},
                      {"environment", to_json(environment)},
                      {"load", options_to_json(run)},
                      {"interrupted", run.was_interrupted},
                      {"completed", figures.num_ok},
                      {"failed", num_ended - figures.num_ok},
                      {"not_done", run.options.num_prompts - num_ended},
                      {"errors", std::move(errors)},
                      {"duration_s", run.duration_s},
                      {"client_processor_s", run.client_processor_s},
                      {"total_input_tokens", figures.num_prompt_tokens},
                      {"total_cached_tokens", figures.num_cached_tokens},
                      {"total_output_tokens", figures.num_output_tokens},
                      {"requests_per_s", rate(run, figures.num_ok)},
                      {"goodput_per_s", rate(run, figures.num_good)},
                      {"output_tokens_per_s", rate(run, figures.num_output_tokens)},
                      {"mean_concurrency", mean_concurrency},
                      {"peak_concurrency", peak_concurrency}};
  add_times(object, "ttft", figures.first_token_s, run.options);
  add_times(object, "itl", figures.between_s, run.options);
  add_times(object, "tpot", figures.per_token_s, run.options);
  add_times(object, "e2el", figures.total_s, run.options);
  return object;
}

}  // namespace ernie::bench
