#pragma once

/// Runs the cases of the operations on a device, several at a time.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "verify/backend_factory.h"
#include "verify/faults/fault.h"
#include "verify/ops/op_case.h"

namespace ernie::verify::ops {

struct SuiteOptions {
  std::string device = "cpu";
  BackendOptions backend;  ///< dtype, isa; the number of threads is the suite's own choice
  Suite suite = Suite::kModel;
  uint64_t seed = 0;
  std::vector<std::string> operations;  ///< empty: all
  int num_workers = 1;                  ///< cases run at the same time
  BackendFactory make_device = make_backend;
};

/// The cases of one operation, in the order of the plan whatever ran first.
struct OperationResults {
  std::string_view op;
  std::vector<CaseResult> cases;
};

struct SuiteResults {
  std::string device_description;
  DType act = DType::kF32;
  DType store = DType::kF32;
  std::vector<OperationResults> operations;
  double seconds = 0;

  int64_t num_cases() const;
  int64_t num_failed() const;
};

/// Called from any worker now and then with the number of groups done and to do.
using SuiteProgress = std::function<void(size_t done, size_t all)>;

/// Runs the suite; with `fault`, on a device that has it. Error: the device cannot be made or has
/// too little memory; an unknown operation.
Result<SuiteResults> run_suite(const SuiteOptions& options, const SuiteProgress& progress = {},
                               const Fault* fault = nullptr);

}  // namespace ernie::verify::ops
