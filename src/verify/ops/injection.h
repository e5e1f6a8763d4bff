#pragma once

/// Whether the cases turn red on known faults.

#include <map>
#include <string>
#include <vector>

#include "verify/ops/suite.h"

namespace ernie::verify::ops {

/// What the fault cases made of one fault.
struct FaultResult {
  const Fault* fault = nullptr;
  bool applies = true;  ///< false: it changes nothing on this device, and was not run
  int64_t num_cases = 0;
  int64_t num_red = 0;                    ///< cases that failed
  std::map<std::string, int64_t> checks;  ///< which checks failed, how often
  bool allclose_sees = false;             ///< some case also fails allclose at 1e-2 and 1e-3
  bool mixed_sees = false;                ///< some case also fails CANN's mixed tolerance

  bool caught() const { return num_red > 0; }
};

struct InjectionResults {
  std::vector<FaultResult> faults;
  /// The same cases on the device itself and on each operation's host kernels without a fault:
  /// those that failed, which none may.
  std::vector<CaseResult> false_alarms;
  int64_t num_control_cases = 0;

  int64_t num_applicable() const;
  int64_t num_caught() const;
  bool passed() const {
    return num_applicable() > 0 && num_caught() == num_applicable() && false_alarms.empty();
  }
};

/// Runs every fault of the chosen operations. options.suite is ignored. Error as run_suite.
Result<InjectionResults> run_injection(const SuiteOptions& options);

/// One fault that `seed` picks among those of the chosen operations, so that each run shows that it
/// can turn red.
Result<FaultResult> run_canary(const SuiteOptions& options);

}  // namespace ernie::verify::ops
