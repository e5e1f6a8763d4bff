#include "verify/determinism/report.h"

#include <algorithm>

#include "report/format.h"

namespace ernie::verify::determinism {
namespace {

namespace json = boost::json;
using report::Paragraph;
using report::Table;
using report::Text;
using report::Verdict;

Verdict verdict_of(bool passed) { return passed ? Verdict::kPass : Verdict::kFail; }

/// One character a request: "·" the same, "✗" another.
std::string request_signs(const VariantResult& result, size_t num_requests) {
  if (result.error) return "";
  std::vector<bool> departs(num_requests, false);
  for (const Departure& departure : result.departures) departs[departure.request] = true;
  std::string signs;
  for (const bool sign : departs) signs += sign ? "✗" : "·";
  return signs;
}

Table variants_table(const DeterminismRun& run) {
  Table table{.caption = {"Each variant against the first one; · a request with equal bits, ✗ one "
                          "that departs",
                          "各变体与第一个变体比较；· 表示该请求逐位相同，✗ 表示不同"},
              .columns = {{{"variant", "变体"}},
                          {{"settings", "设置"}},
                          {{"requests", "请求"}},
                          {{"steps", "步数"}, true},
                          {{"cached tokens", "缓存命中 token"}, true},
                          {{"preemptions", "抢占次数"}, true},
                          {{"time", "耗时"}, true},
                          {{"", ""}}}};
  for (const VariantResult& result : run.variants) {
    table.rows.push_back({{result.variant.name},
                          {result.variant.settings},
                          {request_signs(result, run.requests.size())},
                          {std::to_string(result.counters.num_steps)},
                          {std::to_string(result.counters.num_cached_tokens)},
                          {std::to_string(result.counters.num_preemptions)},
                          {report::format_si(result.seconds, "s")},
                          {{}, verdict_of(result.passed())}});
  }
  return table;
}

Table departures_table(const DeterminismRun& run) {
  Table table{.caption = {"First departure of each request", "每个请求的首个差异"},
              .columns = {{{"variant", "变体"}},
                          {{"request", "请求"}, true},
                          {{"token", "token"}, true},
                          {{"what", "内容"}},
                          {{"expected", "期望"}},
                          {{"got", "实际"}}}};
  for (const VariantResult& result : run.variants) {
    for (const Departure& departure : result.departures) {
      table.rows.push_back({{result.variant.name.en + " " + result.variant.settings},
                            {std::to_string(departure.request)},
                            {std::to_string(departure.token)},
                            {departure.what},
                            {departure.expected},
                            {departure.got, Verdict::kFail}});
    }
  }
  return table;
}

void add_problems(const DeterminismRun& run, report::Section& section) {
  for (const VariantResult& result : run.variants) {
    const std::string name = result.variant.name.en + " " + result.variant.settings;
    if (result.error) {
      section.blocks.emplace_back(Paragraph{{name + " could not run: " + result.error->message,
                                             name + " 无法运行：" + result.error->message},
                                            Verdict::kFail});
    } else if (!result.tested_something()) {
      const report::Text lacking =
          result.variant.must_preempt ? report::Text("no request was preempted", "没有请求被抢占")
                                      : report::Text("no token was cached", "没有命中缓存的 token");
      section.blocks.emplace_back(Paragraph{{name + ": " + lacking.en + ", so nothing was tested",
                                             name + "：" + lacking.zh + "，因此未测试到任何内容"},
                                            Verdict::kFail});
    }
  }
  Table departures = departures_table(run);
  if (!departures.rows.empty()) section.blocks.emplace_back(std::move(departures));
}

report::Section canary_section(const DeterminismRun& run) {
  report::Section section{{"Can this check turn red?", "本检查能否报错？"}, {}};
  Table table{.caption = {"Deliberate differences; each must be found in its request and nowhere "
                          "else",
                          "故意制造的差异；每个都必须在其请求中被发现，且仅在该请求中"},
              .columns = {{{"difference", "差异"}},
                          {{"request", "请求"}, true},
                          {{"found as", "发现为"}},
                          {{"", ""}}}};
  for (const RequestCanary& canary : run.canaries) {
    std::string found;
    for (const Departure& departure : canary.found) {
      found += fmt::format("{}request {}, token {}, {}", found.empty() ? "" : "; ",
                           departure.request, departure.token, departure.what);
    }
    table.rows.push_back({{canary.name},
                          {std::to_string(canary.request)},
                          {found.empty() ? Text("not found", "未发现") : Text(found)},
                          {{}, verdict_of(canary.caught())}});
  }
  section.blocks.emplace_back(std::move(table));
  return section;
}

Text summary(const DeterminismRun& run) {
  const auto num_failed = std::count_if(run.variants.begin(), run.variants.end(),
                                        [](const VariantResult& r) { return !r.passed(); });
  const size_t num_requests = run.requests.size();
  const int64_t num_tokens = run.variants.empty() ? 0 : run.variants[0].num_tokens;
  if (run.passed()) {
    return {fmt::format("{} requests with {} tokens gave the same bits in {} variants.",
                        num_requests, num_tokens, run.variants.size()),
            fmt::format("{} 个请求、{} 个 token 在 {} 种变体中逐位相同。", num_requests, num_tokens,
                        run.variants.size())};
  }
  return {fmt::format("{} of {} variants failed, over {} requests with {} tokens.", num_failed,
                      run.variants.size(), num_requests, num_tokens),
          fmt::format("{1} 种变体中有 {0} 种失败（{2} 个请求、{3} 个 token）。", num_failed,
                      run.variants.size(), num_requests, num_tokens)};
}

json::object departure_to_json(const Departure& departure) {
  return {{"request", departure.request},
          {"token", departure.token},
          {"what", departure.what},
          {"expected", departure.expected},
          {"got", departure.got}};
}

json::array departures_to_json(const std::vector<Departure>& departures) {
  json::array array;
  for (const Departure& departure : departures) array.push_back(departure_to_json(departure));
  return array;
}

json::object variant_to_json(const VariantResult& result) {
  json::object object{{"name", result.variant.name.en},
                      {"settings", result.variant.settings},
                      {"passed", result.passed()},
                      {"tokens", result.num_tokens},
                      {"steps", result.counters.num_steps},
                      {"computed_tokens", result.counters.num_computed_tokens},
                      {"cached_tokens", result.counters.num_cached_tokens},
                      {"preemptions", result.counters.num_preemptions},
                      {"seconds", result.seconds},
                      {"departures", departures_to_json(result.departures)}};
  if (result.error) object["error"] = result.error->message;
  return object;
}

}  // namespace

report::Report determinism_report(const DeterminismRun& run) {
  report::Report report{
      .title = {"Determinism: the same requests in many ways", "确定性：同样的请求，多种执行方式"},
      .verdict = verdict_of(run.passed()),
      .summary = summary(run)};
  report::Section variants{{"Variants", "变体"}, {}};
  variants.blocks.emplace_back(variants_table(run));
  add_problems(run, variants);
  variants.blocks.emplace_back(Paragraph{
      {"Compared are the chosen tokens, the bits of each one's logit, a digest of every row of "
       "logits, log-probabilities of prompts, the text and the finish reason. A prefix cache is "
       "not in this engine yet, so none was tested.",
       "比较内容：所选 token、其 logit 的每一位、每行 logits "
       "的摘要、提示词的对数概率、文本和结束原因。"
       "本引擎尚无前缀缓存，因此未测试。"}});
  report.sections.push_back(std::move(variants));
  report.sections.push_back(canary_section(run));
  return report;
}

json::object determinism_to_json(const DeterminismRun& run,
                                 const report::Environment& environment) {
  json::array variants, canaries;
  for (const VariantResult& result : run.variants) variants.push_back(variant_to_json(result));
  for (const RequestCanary& canary : run.canaries) {
    canaries.push_back({{"name", canary.name.en},
                        {"request", canary.request},
                        {"caught", canary.caught()},
                        {"found", departures_to_json(canary.found)}});
  }
  return {{"format", "ernie verify determinism"},
          {"version", 1},
          {"passed", run.passed()},
          {"requests", run.requests.size()},
          {"max_model_len", run.options.max_model_len},
          {"seed", std::to_string(run.options.seed)},
          {"environment", report::to_json(environment)},
          {"variants", std::move(variants)},
          {"canaries", std::move(canaries)}};
}

}  // namespace ernie::verify::determinism
