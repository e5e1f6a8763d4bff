#include "bench/ops_json.h"

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "report/environment.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;

constexpr int64_t kVersion = 1;

json::object row_json(const OpResult& row, const OpRun& run) {
  const Summary summary = summarize(row.samples);
  const LimitShare share = limit_share(row, run.limits);
  json::object object{{"op", row.op},
                      {"name", row.name.en},
                      {"shape", row.shape},
                      {"tokens", row.tokens},
                      {"operations", row.cost.operations},
                      {"bytes", row.cost.bytes},
                      {"copies", row.num_copies},
                      {"calls_per_sample", row.calls_per_sample},
                      {"time", summary_to_json(summary)},
                      {"tokens_per_s", row.tokens / summary.median},
                      {"gb_per_s", share.gb_per_s},
                      {"gflop_per_s", share.gflop_per_s},
                      {"limit_s", share.limit.seconds},
                      {"limited_by", share.limit.by_memory ? "memory" : "arithmetic"},
                      {"share_of_limit", share.share},
                      {"machine_speed", machine_speed_during(row, run.results)},
                      {"glimpses",
                       {{"read_gb_per_s", json::value_from(row.glimpses.read_gb_per_s)},
                        {"peak_gflop_per_s", json::value_from(row.glimpses.peak_gflop_per_s)}}},
                      {"samples_s", json::value_from(thinned(row.samples, kKeptSamples))}};
  if (row.published) {
    object["published"] = {
        {"machine", "Ascend 910"},       {"dtype", "BF16"},
        {"date", "2026-05-20"},          {"mean_ms", row.published->mean_ms},
        {"sd_ms", row.published->sd_ms}, {"tokens_per_s", row.published->tokens_per_s}};
  }
  return object;
}

json::object drift_json(const Drift& drift) {
  return {{"slowest", drift.slowest}, {"fastest", drift.fastest}};
}

const char* change_name(Change change) {
  if (change == Change::kFaster) return "faster";
  return change == Change::kSlower ? "slower" : "no difference";
}

json::object comparison_json(const OpComparison& comparison) {
  json::array rows;
  for (const OpChange& row : comparison.rows) {
    rows.push_back({{"name", row.name.en},
                    {"shape", row.shape},
                    {"before_s", row.before_s},
                    {"after_s", row.after_s},
                    {"time_ratio", row.time_ratio},
                    {"ratio_low", row.ratio_interval.low},
                    {"ratio_high", row.ratio_interval.high},
                    {"p", row.p},
                    {"tolerance", row.tolerance},
                    {"change", change_name(row.change)}});
  }
  return {{"commit", comparison.before.commit},
          {"date_utc", comparison.before.date_utc},
          {"cpu_model", comparison.before.cpu_model},
          {"read_ratio", comparison.read_ratio},
          {"peak_ratio", comparison.peak_ratio},
          {"limits_changed", comparison.limits_changed()},
          {"settings_changed", json::value_from(comparison.settings_changed)},
          {"only_before", json::value_from(comparison.only_before)},
          {"only_after", json::value_from(comparison.only_after)},
          {"rows", std::move(rows)}};
}

}  // namespace

json::object summary_to_json(const Summary& s) {
  return {{"count", s.count}, {"mean_s", s.mean}, {"sd_s", s.sd},
          {"min_s", s.min},   {"p5_s", s.p5},     {"median_s", s.median},
          {"p95_s", s.p95},   {"p99_s", s.p99},   {"max_s", s.max}};
}

json::object limits_to_json(const MachineLimits& limits) {
  json::array peaks;
  for (const PeakRate& peak : limits.peaks) {
    peaks.push_back({{"name", peak.name},
                     {"isa", peak.isa},
                     {"gop_per_s_one_thread", peak.one_gop_per_s},
                     {"gop_per_s", peak.all_gop_per_s}});
  }
  return {{"threads", limits.num_threads},
          {"buffer_bytes", limits.buffer_bytes},
          {"read_gb_per_s_one_thread", limits.one_read_gb_per_s},
          {"read_gb_per_s", limits.all_read_gb_per_s},
          {"peaks", std::move(peaks)}};
}

json::object ops_to_json(const OpRun& run, const report::Environment& environment,
                         const OpComparison* comparison) {
  json::array rows;
  for (const OpResult& row : run.results) rows.push_back(row_json(row, run));
  const MachineDrift drift = machine_drift(run.results);
  json::object object{
      {"format", kOpsFormat},
      {"version", kVersion},
      {"environment", report::to_json(environment)},
      {"suite", run.suite},
      {"device", run.device},
      {"dtype", run.dtype},
      {"isa", run.isa},
      {"seconds_per_op", run.options.seconds_per_op},
      {"limits_seconds", run.options.limits_seconds},
      {"seed", run.options.seed},
      {"working_set_bytes", run.working_set_bytes},
      {"limits", limits_to_json(run.limits)},
      {"drift", {{"read", drift_json(drift.read)}, {"arithmetic", drift_json(drift.peak)}}},
      {"rows", std::move(rows)}};
  if (comparison != nullptr) object["comparison"] = comparison_json(*comparison);
  return object;
}

}  // namespace ernie::bench
