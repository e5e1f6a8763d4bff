#include "verify/ops/suite.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "verify/faults/faulty_backend.h"
#include "verify/faults/faulty_functions.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

/// A twin with so many threads divides its work as no other does.
constexpr int kTwinThreads = 3;

/// Kernels without vector instructions take twenty times as long; their shapes are cut.
int64_t max_macs(Suite suite, const DeviceInfo& device) {
  if (suite != Suite::kFull) return int64_t{1} << 40;
  return device.is_scalar ? 1'000'000 : 16'000'000;
}

/// One worker's backends.
struct WorkerBackends {
  std::unique_ptr<Backend> device, twin, oracle;
  HostFunctions host;
};

Result<WorkerBackends> make_backends(const SuiteOptions& options, const Fault* fault) {
  WorkerBackends backends;
  BackendOptions backend = options.backend;
  backend.num_threads = 1;
  ERNIE_TRY(backends.device, options.make_device(options.device, backend));
  backend.num_threads = kTwinThreads;
  ERNIE_TRY(backends.twin, options.make_device(options.device, backend));
  ERNIE_TRY(backends.oracle, make_backend(oracle_device(), {.dtype = DType::kF64}));
  if (fault != nullptr) {
    const DType store = options.backend.dtype;
    backends.device = make_faulty_backend(std::move(backends.device), *fault, store);
    backends.twin = make_faulty_backend(std::move(backends.twin), *fault, store);
  }
  backends.host = fault != nullptr ? faulty_functions(*fault) : engine_functions();
  return backends;
}

Result<std::vector<OperationCases>> chosen_operations(const SuiteOptions& options) {
  std::vector<std::string_view> names;
  for (const OperationCases& operation : operations()) names.push_back(operation.name);
  for (const std::string& name : options.operations) {
    if (std::ranges::find(names, name) == names.end()) {
      return make_error(ErrorCode::kInvalidArgument, "--op: got \"{}\", expected one of {}", name,
                        fmt::join(names, ", "));
    }
  }
  std::vector<OperationCases> chosen;
  for (const OperationCases& operation : operations()) {
    const bool wanted =
        options.operations.empty() ||
        std::ranges::find(options.operations, operation.name) != options.operations.end();
    if (wanted) chosen.push_back(operation);
  }
  return chosen;
}

/// Takes groups from a common list until it is empty or a worker has failed. A worker is a thread,
/// and so the end of the way for std::bad_alloc.
class Workers {
 public:
  Workers(const std::vector<CaseGroup>& groups, const SuiteProgress& progress)
      : groups_(groups), progress_(progress), results_(groups.size()) {}

  /// With each one's backends; the first worker is the calling thread. Where the system gives no
  /// more threads, those that are there do all of it.
  void work(const std::vector<WorkerBackends>& by_worker) {
    std::vector<std::jthread> threads;
    threads.reserve(by_worker.size());
    try {
      for (size_t i = 1; i < by_worker.size(); ++i) {
        threads.emplace_back([this, &by_worker, i] { work_alone(by_worker[i]); });
      }
    } catch (const std::system_error&) {
    }
    work_alone(by_worker[0]);
  }

  Result<std::vector<std::vector<CaseResult>>> results() && {
    if (failed_) return error_;
    return std::move(results_);
  }

 private:
  void work_alone(const WorkerBackends& backends) {
    Rig rig(*backends.device, *backends.twin, *backends.oracle, backends.host);
    try {
      const Result<void> done = run_groups(rig);
      if (!done) fail(done.error());
    } catch (const std::bad_alloc&) {
      fail({ErrorCode::kOutOfMemory, "out of memory"});
    }
  }

  Result<void> run_groups(Rig& rig) {
    for (size_t i = next_++; i < groups_.size() && !failed_; i = next_++) {
      const auto keep = [&](CaseResult result) { results_[i].push_back(std::move(result)); };
      ERNIE_TRY_VOID(groups_[i].run(rig, keep));
      const std::scoped_lock lock(mutex_);
      if (progress_) progress_(++num_done_, groups_.size());
    }
    return {};
  }

  /// Of several errors the first is told.
  void fail(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!failed_) error_ = std::move(error);
    failed_ = true;
  }

  const std::vector<CaseGroup>& groups_;
  const SuiteProgress& progress_;
  std::vector<std::vector<CaseResult>> results_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  size_t num_done_ = 0;
  Error error_;
};

}  // namespace

int64_t SuiteResults::num_cases() const {
  int64_t count = 0;
  for (const OperationResults& op : operations) count += static_cast<int64_t>(op.cases.size());
  return count;
}

int64_t SuiteResults::num_failed() const {
  int64_t count = 0;
  for (const OperationResults& op : operations) {
    count += std::ranges::count_if(op.cases, [](const auto& c) { return !c.failures.empty(); });
  }
  return count;
}

Result<SuiteResults> run_suite(const SuiteOptions& options, const SuiteProgress& progress,
                               const Fault* fault) {
  const auto start = std::chrono::steady_clock::now();
  ERNIE_TRY(const std::vector<OperationCases> chosen, chosen_operations(options));
  ERNIE_TRY(const DeviceInfo device, find_device(options.device, options.backend.isa));
  std::vector<WorkerBackends> by_worker;
  for (int i = 0; i < std::max(options.num_workers, 1); ++i) {
    ERNIE_TRY(WorkerBackends backends, make_backends(options, fault));
    by_worker.push_back(std::move(backends));
  }
  SuiteResults results{.device_description = by_worker[0].device->describe(),
                       .act = by_worker[0].device->activation_dtype(),
                       .store = options.backend.dtype};
  const Plan plan{options.suite, options.seed, results.act, results.store,
                  max_macs(options.suite, device)};
  std::vector<CaseGroup> groups;
  for (const OperationCases& operation : chosen) {
    for (CaseGroup& group : operation.groups(plan)) groups.push_back(std::move(group));
    results.operations.push_back({operation.name, {}});
  }
  Workers workers(groups, progress);
  workers.work(by_worker);
  ERNIE_TRY(auto by_group, std::move(workers).results());
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto op = std::ranges::find(results.operations, groups[i].op, &OperationResults::op);
    std::ranges::move(by_group[i], std::back_inserter(op->cases));
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  results.seconds = elapsed.count();
  return results;
}

}  // namespace ernie::verify::ops
