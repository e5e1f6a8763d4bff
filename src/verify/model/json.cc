#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>
#include <cmath>

#include "verify/model/report.h"

namespace ernie::verify::model {
namespace {

namespace json = boost::json;

json::object error_json(const TapError& e) {
  return {{"num_values", e.num_values},
          {"l2", e.l2},
          {"worst", e.worst},
          {"worst_row", e.worst_row},
          {"worst_column", e.worst_column},
          {"worst_got", e.worst_got},
          {"worst_want", e.worst_want},
          {"max_abs", e.max_abs},
          {"range", e.range},
          {"equal_fraction", e.equal_fraction},
          {"num_nonfinite", e.num_nonfinite}};
}

json::object point_json(const PointResult& r) {
  json::object object{{"layer", r.point.layer},
                      {"stage", tap_name(r.point.tap)},
                      {"alone", error_json(r.alone)},
                      {"budget_l2", r.budget.l2},
                      {"budget_worst", r.budget.worst},
                      {"budget_min_equal", r.budget.min_equal},
                      {"conditioning", r.conditioning.all},
                      {"conditioning_worst_token", r.conditioning.worst_token},
                      {"failures", json::value_from(r.failures)},
                      {"whole_pass", error_json(r.free)},
                      {"whole_pass_tokens", r.num_free_tokens},
                      {"whole_pass_all_l2", r.free_all_l2},
                      {"growth", r.growth},
                      {"yardstick_l2", r.yardstick},
                      {"departs", r.departs}};
  if (r.original_l2 >= 0) object["original_l2"] = r.original_l2;
  return object;
}

json::object agreement_json(const RoutingAgreement& a) {
  return {{"num_decisions", a.num_decisions}, {"num_different", a.num_different},
          {"num_wrong", a.num_wrong},         {"largest_margin", a.largest_margin},
          {"smallest_gap", a.smallest_gap},   {"worst_excess", a.worst_excess},
          {"worst_token", a.worst_token},     {"num_experts_met", a.experts_met.size()}};
}

json::object figures_json(const DistributionFigures& f) {
  return {{"num_tokens", f.num_tokens},
          {"kl_mean", f.kl_mean},
          {"kl_p999", f.kl_p999},
          {"kl_max", f.kl_max},
          {"top1_agreement", f.top1_agreement()},
          {"largest_top1_margin", f.largest_top1_margin},
          {"num_predicted", f.num_predicted},
          {"perplexity_truth", f.perplexity_want},
          {"perplexity_device", f.perplexity_got}};
}

json::array checks_json(const std::vector<Check>& checks) {
  json::array all;
  for (const Check& c : checks) {
    all.push_back({{"name", c.name},
                   {"words", c.words.en},
                   {"measured", c.measured},
                   {"allowed", c.allowed},
                   {"passed", c.passed}});
  }
  return all;
}

template <typename T>
json::array array_of(const std::vector<T>& items, json::object (*convert)(const T&)) {
  json::array all;
  for (const T& item : items) all.push_back(convert(item));
  return all;
}

json::object routing_json(const RoutingResult& r) {
  return {{"layer", r.layer},
          {"from_true_logits", agreement_json(r.alone)},
          {"whole_pass", agreement_json(r.free)}};
}

}  // namespace

json::object model_to_json(const ModelRun& run, const std::string& model,
                           const report::Environment& environment) {
  const ModelCheck& check = run.check;
  json::object object{{"kind", "ernie verify model"},
                      {"version", 1},
                      {"environment", report::to_json(environment)},
                      {"model", model},
                      {"device", run.device},
                      {"truth", run.truth},
                      {"truth_is_recorded", run.is_recorded},
                      {"activations", dtype_name(run.arithmetic.act)},
                      {"storage", dtype_name(run.arithmetic.store)},
                      {"truth_activations", dtype_name(run.arithmetic.truth)},
                      {"seed", run.seed},
                      {"seconds", run.seconds},
                      {"passed", run.passed()},
                      {"num_prompts", check.num_prompts},
                      {"num_tokens", check.num_tokens},
                      {"num_comparisons", check.num_comparisons},
                      {"departure", nullptr},
                      {"checks", checks_json(check.checks)},
                      {"places", array_of(check.points, point_json)},
                      {"routing", array_of(check.routing, routing_json)},
                      {"distribution", figures_json(check.distribution)},
                      {"distribution_routed_alike", figures_json(check.alike)}};
  if (check.departure) {
    object["departure"] = {{"layer", check.departure->layer},
                           {"stage", tap_name(check.departure->tap)},
                           {"words", check.departure_words.en}};
  }
  if (check.original) object["distribution_original"] = figures_json(*check.original);
  if (run.text) {
    object["text"] = figures_json(*run.text);
    object["text_checks"] = checks_json(run.text_checks);
  }
  if (check.canary) {
    object["canary"] = {
        {"layer", check.canary->point.layer}, {"stage", tap_name(check.canary->point.tap)},
        {"row", check.canary->row},           {"column", check.canary->column},
        {"change", check.canary->change},     {"caught", check.canary->caught}};
  }
  return object;
}

}  // namespace ernie::verify::model
