#pragma once

/// What a verification of operations consists of: groups of cases, each case one run of one
/// operation on the device against the oracle.

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "verify/error_budget.h"

namespace ernie::verify::ops {

class Rig;

/// How much is tried.
enum class Suite {
  kPublished,  ///< the five cases of the published Ascend report
  kModel,      ///< the shapes of the 21B model as they are
  kFull,       ///< every shape, shard, row count and class of input, 10,000 cases an operation
  kFaults,     ///< the few cases that injected faults are held against
};

/// What the cases depend on besides the operation.
struct Plan {
  Suite suite = Suite::kModel;
  uint64_t seed = 0;
  DType act = DType::kF32;    ///< what the device stores activations in
  DType store = DType::kF32;  ///< what it stores weights, keys and values in
  /// Multiply-adds that the device may spend on a case: shapes beyond are cut to as many output
  /// columns, heads or tokens as that allows.
  int64_t max_macs = int64_t{1} << 40;
};

/// What a case is tried on.
struct CaseInput {
  std::string kind;     ///< class of the input: what figures are gathered by
  std::string details;  ///< what else distinguishes the case; may be empty
  /// "normal, scale 2"
  std::string text() const { return details.empty() ? kind : kind + ", " + details; }
};

/// What came of one case. It passed if `failures` is empty.
struct CaseResult {
  std::string_view op;
  std::string shape;  ///< "M 32, K 2560, N 3584"
  CaseInput input;
  uint64_t seed = 0;
  ErrorSummary error;
  Tolerance tolerance;
  std::vector<std::string> failures;  ///< names of the checks that it failed
};
using CaseSink = std::function<void(CaseResult)>;

/// Cases that share weights. `run` may be called from any thread with that thread's own rig; what
/// it reports depends on the plan alone. Error: the device is lost or has no memory.
struct CaseGroup {
  std::string_view op;
  std::function<Result<void>(Rig&, const CaseSink&)> run;
};

/// Cases that share nothing, in groups of a few each: run_case(plan, case, rig, sink).
template <typename Case>
std::vector<CaseGroup> grouped(std::string_view op, const std::vector<Case>& cases,
                               const Plan& plan,
                               Result<void> (*run_case)(const Plan&, const Case&, Rig&,
                                                        const CaseSink&)) {
  constexpr size_t kCasesInGroup = 16;
  std::vector<CaseGroup> groups;
  for (size_t i = 0; i < cases.size(); i += kCasesInGroup) {
    const auto begin = cases.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end =
        cases.begin() + static_cast<std::ptrdiff_t>(std::min(cases.size(), i + kCasesInGroup));
    groups.push_back(
        {op,
         [=, part = std::vector<Case>(begin, end)](Rig& rig, const CaseSink& sink) -> Result<void> {
           for (const Case& one : part) ERNIE_TRY_VOID(run_case(plan, one, rig, sink));
           return {};
         }});
  }
  return groups;
}

/// An operation of the backend interface and its cases. Adding one to `operations()` makes it
/// verified.
struct OperationCases {
  std::string_view name;
  std::vector<CaseGroup> (*groups)(const Plan& plan);
};
/// In the order of backend.h, then what the engine does on the host.
const std::vector<OperationCases>& operations();

}  // namespace ernie::verify::ops
