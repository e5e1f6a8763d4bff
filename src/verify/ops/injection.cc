#include "verify/ops/injection.h"

#include <algorithm>

#include "verify/random.h"

namespace ernie::verify::ops {
namespace {

bool is_chosen(const SuiteOptions& options, std::string_view op) {
  return options.operations.empty() ||
         std::ranges::find(options.operations, op) != options.operations.end();
}

SuiteOptions fault_cases_of(const SuiteOptions& options, std::string_view op) {
  SuiteOptions one = options;
  one.suite = Suite::kFaults;
  one.operations = {std::string(op)};
  return one;
}

Result<DType> activation_dtype(const SuiteOptions& options) {
  ERNIE_TRY(const DeviceInfo device, find_device(options.device, options.backend.isa));
  return device.activations_for(options.backend.dtype);
}

Result<FaultResult> run_fault(const SuiteOptions& options, const Fault& fault, DType act) {
  FaultResult result{.fault = &fault};
  if (fault.applies != nullptr && !fault.applies(act, options.backend.dtype)) {
    result.applies = false;
    return result;
  }
  ERNIE_TRY(const SuiteResults suite, run_suite(fault_cases_of(options, fault.op), {}, &fault));
  for (const CaseResult& c : suite.operations[0].cases) {
    ++result.num_cases;
    result.num_red += c.failures.empty() ? 0 : 1;
    for (const std::string& check : c.failures) ++result.checks[check];
    result.allclose_sees = result.allclose_sees || !c.error.allclose;
    result.mixed_sees = result.mixed_sees || !c.error.mixed_passes;
  }
  return result;
}

void take_alarms(const SuiteResults& suite, InjectionResults& results) {
  results.num_control_cases += suite.num_cases();
  for (const OperationResults& op : suite.operations) {
    std::ranges::copy_if(op.cases, std::back_inserter(results.false_alarms),
                         [](const CaseResult& c) { return !c.failures.empty(); });
  }
}

}  // namespace

int64_t InjectionResults::num_applicable() const {
  return std::ranges::count_if(faults, &FaultResult::applies);
}

int64_t InjectionResults::num_caught() const {
  return std::ranges::count_if(faults, &FaultResult::caught);
}

Result<InjectionResults> run_injection(const SuiteOptions& options) {
  InjectionResults results;
  ERNIE_TRY(const DType act, activation_dtype(options));
  SuiteOptions healthy = options;
  healthy.suite = Suite::kFaults;
  ERNIE_TRY(const SuiteResults device, run_suite(healthy));
  take_alarms(device, results);
  for (const OperationCases& operation : operations()) {
    if (!is_chosen(options, operation.name)) continue;
    const Fault none{.op = operation.name};
    ERNIE_TRY(const SuiteResults control,
              run_suite(fault_cases_of(options, operation.name), {}, &none));
    take_alarms(control, results);
  }
  for (const Fault& fault : faults()) {
    if (!is_chosen(options, fault.op)) continue;
    ERNIE_TRY(FaultResult result, run_fault(options, fault, act));
    results.faults.push_back(std::move(result));
  }
  return results;
}

Result<FaultResult> run_canary(const SuiteOptions& options) {
  ERNIE_TRY(const DType act, activation_dtype(options));
  std::vector<const Fault*> candidates;
  for (const Fault& fault : faults()) {
    const bool applies = fault.applies == nullptr || fault.applies(act, options.backend.dtype);
    if (is_chosen(options, fault.op) && applies) candidates.push_back(&fault);
  }
  ERNIE_CHECK(!candidates.empty(), "an operation without a fault");
  Random random(sub_seed(options.seed, 99));
  const auto pick = static_cast<size_t>(random.below(static_cast<int64_t>(candidates.size())));
  return run_fault(options, *candidates[pick], act);
}

}  // namespace ernie::verify::ops
