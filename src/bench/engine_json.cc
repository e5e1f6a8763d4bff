#include "bench/engine_json.h"

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "bench/ops_json.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;

constexpr int64_t kVersion = 1;

json::object limit_json(const LimitTime& limit) {
  return {{"limit_s", limit.seconds}, {"limited_by", limit.by_memory ? "memory" : "arithmetic"}};
}

void add_joules(json::object& object, const std::optional<double>& joules) {
  if (joules) object["joules"] = *joules;
}

json::object facts_json(const ModelFacts& facts, const ProcessMemory& last) {
  return {{"model", facts.model},
          {"device", facts.device},
          {"dtype", std::string(dtype_name(facts.dtype))},
          {"weight_bytes", facts.weight_bytes},
          {"kv_cache_bytes", facts.kv_cache_bytes},
          {"max_model_len", facts.max_model_len},
          {"max_num_seqs", facts.max_num_seqs},
          {"max_num_batched_tokens", facts.max_num_batched_tokens},
          {"load_s", facts.load_s},
          {"process_start_to_ready_s", facts.ready_age_s},
          {"ready_rss_bytes", facts.ready_memory.rss_bytes},
          {"rss_bytes", last.rss_bytes},
          {"peak_rss_bytes", last.peak_rss_bytes}};
}

json::object prefill_json(const PrefillResult& row) {
  const Summary batch = summarize(row.batch_s);
  json::object object{
      {"input_len", row.input_len},
      {"batch_size", row.batch_size},
      {"first_token", summary_to_json(summarize(row.first_token_s))},
      {"batch", summary_to_json(batch)},
      {"tokens_per_s", static_cast<double>(row.batch_size * row.input_len) / batch.median},
      {"share_of_limit", row.limit.seconds / batch.median},
      {"first_token_samples_s", json::value_from(thinned(row.first_token_s, kKeptSamples))}};
  for (auto& field : limit_json(row.limit)) object.insert(field);
  add_joules(object, row.joules);
  return object;
}

json::object decode_json(const DecodeResult& row) {
  const Summary step = summarize(row.step_s);
  json::object object{
      {"depth", row.depth},
      {"batch_size", row.batch_size},
      {"inter_token", summary_to_json(step)},
      {"tokens_per_s", static_cast<double>(row.batch_size) / step.mean},
      {"bytes_per_step", row.step_cost.bytes},
      {"operations_per_step", row.step_cost.operations},
      {"gb_per_s", row.step_cost.bytes / step.median * 1e-9},
      {"share_of_limit", row.limit.seconds / step.median},
      {"inter_token_samples_s", json::value_from(thinned(row.step_s, kKeptSamples))}};
  for (auto& field : limit_json(row.limit)) object.insert(field);
  add_joules(object, row.joules);
  return object;
}

}  // namespace

json::object latency_to_json(const LatencyRun& run, const report::Environment& environment) {
  json::array prefill, decode;
  for (const PrefillResult& row : run.prefill) prefill.push_back(prefill_json(row));
  for (const DecodeResult& row : run.decode) decode.push_back(decode_json(row));
  return {{"format", "ernie bench latency"},
          {"version", kVersion},
          {"environment", report::to_json(environment)},
          {"engine", facts_json(run.facts, run.last_memory)},
          {"output_len", run.options.output_len},
          {"num_iters", run.options.num_iters},
          {"num_iters_warmup", run.options.num_iters_warmup},
          {"seed", run.options.seed},
          {"limits", limits_to_json(run.limits)},
          {"energy_available", run.has_energy},
          {"prefill", std::move(prefill)},
          {"decode", std::move(decode)}};
}

json::object throughput_to_json(const ThroughputRun& run, const report::Environment& environment) {
  const ThroughputFigures figures = throughput_figures(run);
  json::array requests;
  for (const RequestTimes& request : run.requests) {
    requests.push_back({{"prompt_tokens", request.num_prompt_tokens},
                        {"output_tokens", request.num_output_tokens},
                        {"first_token_s", request.first_token_s},
                        {"total_s", request.total_s}});
  }
  json::object object{{"format", "ernie bench throughput"},
                      {"version", kVersion},
                      {"environment", report::to_json(environment)},
                      {"engine", facts_json(run.facts, run.last_memory)},
                      {"source", run.source},
                      {"limits", limits_to_json(run.limits)},
                      {"energy_available", run.has_energy},
                      {"elapsed_s", run.elapsed_s},
                      {"num_steps", run.steps.size()},
                      {"prompt_tokens", figures.num_prompt_tokens},
                      {"output_tokens", figures.num_output_tokens},
                      {"requests_per_s", figures.requests_per_s},
                      {"input_tokens_per_s", figures.input_tokens_per_s},
                      {"output_tokens_per_s", figures.output_tokens_per_s},
                      {"total_tokens_per_s", figures.total_tokens_per_s},
                      {"sequences_per_step", figures.sequences_per_step},
                      {"share_of_limit", run.limit.seconds / run.elapsed_s},
                      {"first_token", summary_to_json(summarize(figures.first_token_s))},
                      {"total", summary_to_json(summarize(figures.total_s))},
                      {"requests", std::move(requests)}};
  if (!figures.per_token_s.empty()) {
    object["time_per_output_token"] = summary_to_json(summarize(figures.per_token_s));
  }
  for (auto& field : limit_json(run.limit)) object.insert(field);
  add_joules(object, run.joules);
  return object;
}

}  // namespace ernie::bench
