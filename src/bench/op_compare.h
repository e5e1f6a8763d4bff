#pragma once

/// What changed between two runs of `ernie bench ops`.

#include <string>
#include <vector>

#include "bench/op_runner.h"

namespace ernie::bench {

/// A run read from a file, and where it comes from.
struct SavedOpRun {
  std::string cpu_model, commit, date_utc;
  OpRun run;
};

enum class Change { kNone, kFaster, kSlower };

struct OpChange {
  report::Text name;
  std::string shape;
  double before_s = 0, after_s = 0;  ///< medians
  double time_ratio = 1;             ///< after / before
  Interval ratio_interval;           ///< 99 %
  double p = 1;                      ///< of no difference
  /// How much the ratio may differ from 1 by the machine alone: see compare_ops().
  double tolerance = 0;
  Change change = Change::kNone;
};

struct OpComparison {
  SavedOpRun before;
  std::vector<OpChange> rows;                        ///< in the order of the later run
  std::vector<std::string> only_before, only_after;  ///< "name, shape"
  double read_ratio = 1, peak_ratio = 1;             ///< of the limits, after / before

  std::vector<std::string> settings_changed;  ///< "threads: 2, now 1"

  /// The machine was not the same: its limits differ by more than kDriftTolerance.
  bool limits_changed() const;
};

/// Rows are matched by name and shape. A row is faster or slower if p < 0.01, the interval excludes
/// 1, and the ratio leaves the tolerance: 3 %, or if it is more, what the limit that binds the row
/// changed between the runs or the machine's glimpses during either row fell behind their run.
OpComparison compare_ops(SavedOpRun before, const OpRun& after);

}  // namespace ernie::bench
