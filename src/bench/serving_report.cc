#include "bench/serving_report.h"

#include <algorithm>
#include <boost/json/array.hpp>

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

Table totals_table(const ServingRun& run, const Figures& figures) {
  Table table{.caption = {"The whole run", "整个测试"},
              .columns = {{{"what", "项目"}}, {{"figure", "数值"}, true}}};
  const auto add = [&](Text what, std::string figure) {
    table.rows.push_back({{std::move(what)}, {Text(std::move(figure))}});
  };
  const auto num_requests = static_cast<int64_t>(run.requests.size());
  add({"requests answered", "成功的请求"}, std::to_string(figures.num_ok));
  add({"requests that failed", "失败的请求"}, std::to_string(num_requests - figures.num_ok));
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
  add({"processor time of this client", "本客户端的处理器时间"}, time_text(run.client_processor_s));
  return table;
}

Table latency_table(const Figures& figures) {
  Table table{.caption = {"As the clients saw it", "客户端所见"},
              .columns = {{{"time", "时间"}},
                          {{"mean", "均值"}, true},
                          {{"p50", "p50"}, true},
                          {{"p95", "p95"}, true},
                          {{"p99", "p99"}, true},
                          {{"longest", "最长"}, true}}};
  const auto add = [&](Text what, const std::vector<double>& samples) {
    const Summary s = summarize(samples);
    table.rows.push_back({{std::move(what)},
                          {time_text(s.mean)},
                          {time_text(s.median)},
                          {time_text(s.p95)},
                          {time_text(s.p99)},
                          {time_text(s.max)}});
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

report::Report serving_report(const ServingRun& run) {
  const Figures figures = figures_of(run);
  const bool all = figures.num_ok == static_cast<int64_t>(run.requests.size());
  const Summary first = summarize(figures.first_token_s);
  const Summary between = summarize(figures.between_s);
  report::Report report{.title = {"Serving: " + run.model, "服务：" + run.model},
                        .verdict = all ? Verdict::kNone : Verdict::kWarn};
  const std::string tokens = format_number(rate(run, figures.num_output_tokens), 4);
  report.summary = {
      fmt::format("{} tokens/s out, first token after {} (p50), {} between pieces (p50).", tokens,
                  time_text(first.median), time_text(between.median)),
      fmt::format("输出 {} token/秒，首 token {}（p50），片段间隔 {}（p50）。", tokens,
                  time_text(first.median), time_text(between.median))};
  Section section{.heading = {"Load", "负载"}};
  section.blocks.emplace_back(totals_table(run, figures));
  section.blocks.emplace_back(latency_table(figures));
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

json::object serving_to_json(const ServingRun& run, const report::Environment& environment) {
  const Figures figures = figures_of(run);
  const ServingOptions& options = run.options;
  json::object errors;
  for (const auto& [error, count] : count_errors(run)) errors[error] = count;
  const auto samples = [](const std::vector<double>& all) {
    json::array kept;
    for (const double sample : thinned(all, kKeptServingSamples)) kept.emplace_back(sample);
    return kept;
  };
  return {{"version", 1},
          {"kind", "serve"},
          {"environment", to_json(environment)},
          {"model", run.model},
          {"url", options.server.url},
          {"endpoint", options.endpoint},
          {"num_prompts", options.num_prompts},
          {"input_len", options.input_len},
          {"output_len", options.output_len},
          {"prefix_len", options.prefix_len},
          {"request_rate", options.request_rate},
          {"max_concurrency", options.max_concurrency},
          {"seed", options.seed},
          {"completed", figures.num_ok},
          {"failed", static_cast<int64_t>(run.requests.size()) - figures.num_ok},
          {"errors", std::move(errors)},
          {"duration_s", run.duration_s},
          {"client_processor_s", run.client_processor_s},
          {"total_input_tokens", figures.num_prompt_tokens},
          {"total_cached_tokens", figures.num_cached_tokens},
          {"total_output_tokens", figures.num_output_tokens},
          {"requests_per_s", rate(run, figures.num_ok)},
          {"goodput_per_s", rate(run, figures.num_good)},
          {"output_tokens_per_s", rate(run, figures.num_output_tokens)},
          {"ttft", summary_to_json(summarize(figures.first_token_s))},
          {"itl", summary_to_json(summarize(figures.between_s))},
          {"tpot", summary_to_json(summarize(figures.per_token_s))},
          {"e2el", summary_to_json(summarize(figures.total_s))},
          {"ttft_samples_s", samples(figures.first_token_s)},
          {"itl_samples_s", samples(figures.between_s)},
          {"e2el_samples_s", samples(figures.total_s)}};
}

}  // namespace ernie::bench
