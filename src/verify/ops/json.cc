#include <cmath>

#include <boost/json/array.hpp>

#include "verify/ops/report.h"

namespace ernie::verify::ops {
namespace {

namespace json = boost::json;

/// JSON has no infinities: what cannot be written is null.
json::value number(double x) { return std::isfinite(x) ? json::value(x) : json::value(nullptr); }

json::array strings(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

json::object worst_to_json(const Worst& w) {
  json::object object{{"name", w.name},
                      {"cases", w.num_cases},
                      {"failed", w.num_failed},
                      {"emax_share", number(w.emax_share)},
                      {"erms_share", number(w.erms_share)},
                      {"allclose_passed", w.num_allclose},
                      {"cann_mixed_passed", w.num_mixed},
                      {"mere", number(w.mere)},
                      {"mare", number(w.mare)},
                      {"rmse", number(w.rmse)},
                      {"nmse", number(w.nmse)},
                      {"cosine", number(w.min_cosine)},
                      {"max_ulp", number(w.max_ulp)}};
  if (w.worst != nullptr) {
    object["worst"] = {{"shape", w.worst->shape},
                       {"input", w.worst->input.text()},
                       {"seed", std::to_string(w.worst->seed)}};
  }
  return object;
}

json::object fault_to_json(const FaultResult& f) {
  json::object checks;
  for (const auto& [name, count] : f.checks) checks[name] = count;
  return {{"op", f.fault->op},
          {"name", f.fault->name.en},
          {"applies", f.applies},
          {"caught", f.caught()},
          {"cases", f.num_cases},
          {"red", f.num_red},
          {"checks", checks},
          {"allclose_sees", f.allclose_sees},
          {"cann_mixed_sees", f.mixed_sees}};
}

json::object injection_to_json(const OpsConfiguration& c, const InjectionResults& injection) {
  json::array all, alarms;
  for (const FaultResult& f : injection.faults) all.push_back(fault_to_json(f));
  for (const CaseResult& a : injection.false_alarms) alarms.push_back(case_to_json(c, a));
  return {{"applicable", injection.num_applicable()},
          {"caught", injection.num_caught()},
          {"control_cases", injection.num_control_cases},
          {"false_alarms", alarms},
          {"faults", all}};
}

json::object configuration_to_json(const OpsConfiguration& c) {
  json::array operations, failures;
  for (const OperationResults& op : c.suite.operations) {
    json::object object = worst_to_json(worst_of(op));
    json::array inputs;
    for (const Worst& w : worst_by_input(op)) inputs.push_back(worst_to_json(w));
    object["inputs"] = std::move(inputs);
    operations.push_back(std::move(object));
    for (const CaseResult& result : op.cases) {
      if (!result.failures.empty()) failures.push_back(case_to_json(c, result));
    }
  }
  json::object object{{"isa", c.isa},
                      {"dtype", dtype_name(c.suite.store)},
                      {"activations", dtype_name(c.suite.act)},
                      {"device", c.suite.device_description},
                      {"oracle", "reference in double"},
                      {"seconds", c.suite.seconds},
                      {"cases", c.suite.num_cases()},
                      {"failed", c.suite.num_failed()},
                      {"operations", operations},
                      {"failures", failures},
                      {"canary", fault_to_json(c.canary)}};
  if (c.injection) object["injection"] = injection_to_json(c, *c.injection);
  return object;
}

}  // namespace

json::object case_to_json(const OpsConfiguration& c, const CaseResult& r) {
  const ErrorSummary& e = r.error;
  return {{"op", r.op},
          {"shape", r.shape},
          {"input", r.input.text()},
          {"seed", std::to_string(r.seed)},
          {"isa", c.isa},
          {"dtype", dtype_name(c.suite.store)},
          {"passed", r.failures.empty()},
          {"failures", strings(r.failures)},
          {"elements", e.num_elements},
          {"emax", number(e.emax)},
          {"emax_allowed", r.tolerance.emax},
          {"erms", number(e.erms)},
          {"erms_allowed", r.tolerance.erms},
          {"gain", number(e.gain)},
          {"bias", number(e.bias)},
          {"nonfinite_mismatches", e.num_nonfinite_mismatches},
          {"exact_elements", e.num_exact},
          {"worst_index", e.worst_index},
          {"worst_got", number(e.worst_got)},
          {"worst_want", number(e.worst_want)},
          {"worst_budget", number(e.worst_budget)},
          {"max_abs", number(e.max_abs)},
          {"allclose", e.allclose},
          {"cann_mixed", e.mixed_passes},
          {"mere", number(e.mere)},
          {"mare", number(e.mare)},
          {"rmse", number(e.rmse)},
          {"nmse", number(e.nmse)},
          {"cosine", number(e.cosine)},
          {"max_ulp", number(e.max_ulp)}};
}

json::object ops_to_json(const OpsRun& run, const report::Environment& environment) {
  json::array configurations;
  for (const OpsConfiguration& c : run.configurations) {
    configurations.push_back(configuration_to_json(c));
  }
  return {{"format", "ernie verify ops"},
          {"version", 1},
          {"passed", run.passed()},
          {"device", run.device},
          {"suite", run.suite},
          {"seed", std::to_string(run.seed)},
          {"cases", run.num_cases()},
          {"failed", run.num_failed()},
          {"environment", report::to_json(environment)},
          {"configurations", configurations}};
}

}  // namespace ernie::verify::ops
