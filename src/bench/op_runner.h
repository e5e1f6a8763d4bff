#pragma once

/// Measures operations against the limits of the machine, both in the same run.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/limits/limits.h"
#include "bench/op_cost.h"
#include "bench/op_suites.h"
#include "bench/statistics.h"
#include "report/report.h"

namespace ernie::bench {

struct OpRunOptions {
  double seconds_per_op = 0.5;  ///< what is measured at least; one call may take longer
  double limits_seconds = 2.0;  ///< at the begin, and again at the end
  uint64_t seed = 0;
};

/// How fast the machine was between the samples of a row, by two short probes.
struct Glimpses {
  std::vector<double> read_gb_per_s;
  std::vector<double> peak_gflop_per_s;
};

struct OpResult {
  std::string op;
  report::Text name;
  std::string shape;
  double tokens = 0;
  OpCost cost;
  int64_t num_copies = 1;
  int64_t calls_per_sample = 1;
  std::vector<double> samples;  ///< seconds per call, in order of time
  Glimpses glimpses;
  std::optional<PublishedFigure> published;
};

/// An operation beside its limit.
struct LimitShare {
  LimitTime limit;
  double share = 0;  ///< limit time / median time; above 1 a probe is wrong
  double gb_per_s = 0;
  double gflop_per_s = 0;
};
LimitShare limit_share(const OpResult& result, const MachineLimits& limits);

struct OpRun {
  std::string suite, device, dtype, isa;  ///< isa: "" if it was not forced
  OpRunOptions options;
  size_t working_set_bytes = 0;
  MachineLimits limits;  ///< the best of the run: at its begin, at its end, and every glimpse
  std::vector<OpResult> results;
};

/// How much the machine's own speed varied, by the glimpses of the whole run.
struct Drift {
  double slowest = 1, fastest = 1;  ///< relative to the median
  double spread() const { return fastest - slowest; }
};
struct MachineDrift {
  Drift read, peak;
};
MachineDrift machine_drift(const std::vector<OpResult>& results);

/// A row whose glimpses are slower than the run's by more than this is marked.
inline constexpr double kDriftTolerance = 0.10;
/// Of the row's median glimpse to the run's, the slower of the two kinds.
double machine_speed_during(const OpResult& result, const std::vector<OpResult>& all);

/// Called before each case; for a progress display.
using OpProgress = std::function<void(size_t index, size_t count, const OpCase&)>;

/// Fills run.limits and run.results. Copies of operands fill run.working_set_bytes.
/// Error: memory.
Result<void> run_ops(Backend& backend, int num_threads, const std::vector<OpCase>& cases,
                     const OpProgress& progress, OpRun& run);

}  // namespace ernie::bench
