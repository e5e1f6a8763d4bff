#pragma once

/// Everything one `ernie verify ops` has found, and its figures by operation and input class.

#include <optional>
#include <string>
#include <vector>

#include "verify/ops/injection.h"

namespace ernie::verify::ops {

/// One instruction set and one type of weights.
struct OpsConfiguration {
  std::string isa;
  SuiteResults suite;
  FaultResult canary;
  std::optional<InjectionResults> injection;  ///< if it was asked for

  bool passed() const;
};

struct OpsRun {
  std::string device;
  std::string suite;  ///< "published", "model", "full"
  uint64_t seed = 0;
  std::vector<OpsConfiguration> configurations;

  int64_t num_cases() const;
  int64_t num_failed() const;
  /// At least one case, none failed, every canary and every fault caught.
  bool passed() const;
};

/// The worst of several cases of one operation.
struct Worst {
  std::string name;  ///< operation, or class of input
  int64_t num_cases = 0;
  int64_t num_failed = 0;
  double emax_share = 0;  ///< largest emax in units of what is allowed; 0 where bits must be equal
  double erms_share = 0;
  const CaseResult* worst = nullptr;  ///< a failed case, or the one with the largest share
  int64_t num_allclose = 0;           ///< cases that pass allclose at 1e-2 and 1e-3
  int64_t num_mixed = 0;              ///< that pass CANN's mixed tolerance
  double mere = 0, mare = 0, rmse = 0, nmse = 0, max_ulp = 0, min_cosine = 1;
};
Worst worst_of(const OperationResults& operation);
/// By the kind of input, in order of appearance.
std::vector<Worst> worst_by_input(const OperationResults& operation);

}  // namespace ernie::verify::ops
