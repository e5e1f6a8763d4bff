#include "bench/op_compare.h"

#include <algorithm>
#include <cmath>

namespace ernie::bench {
namespace {

constexpr double kSmallestTolerance = 0.03;
constexpr double kSignificance = 0.01;

std::string key_of(const OpResult& row) { return row.name.en + ", " + row.shape; }

const OpResult* find(const OpRun& run, const std::string& key) {
  const auto it = std::ranges::find(run.results, key, key_of);
  return it == run.results.end() ? nullptr : &*it;
}

double ratio(double after, double before) { return before > 0 ? after / before : 1; }

OpChange compare_rows(const OpResult& before, const OpRun& run_before, const OpResult& after,
                      const OpRun& run_after, double limit_ratio) {
  OpChange row{.name = after.name, .shape = after.shape};
  row.before_s = summarize(before.samples).median;
  row.after_s = summarize(after.samples).median;
  row.time_ratio = ratio(row.after_s, row.before_s);
  row.ratio_interval =
      ratio_of_medians_interval(before.samples, after.samples, run_after.options.seed);
  row.p = mann_whitney_p(before.samples, after.samples);
  row.tolerance = std::max({kSmallestTolerance, std::abs(1 - limit_ratio),
                            1 - machine_speed_during(before, run_before.results),
                            1 - machine_speed_during(after, run_after.results)});
  const bool differs =
      row.p < kSignificance && (row.ratio_interval.low > 1 || row.ratio_interval.high < 1);
  if (differs && row.time_ratio > 1 + row.tolerance) row.change = Change::kSlower;
  if (differs && row.time_ratio < 1 / (1 + row.tolerance)) row.change = Change::kFaster;
  return row;
}

std::vector<std::string> changed_settings(const SavedOpRun& before, const OpRun& after) {
  std::vector<std::string> changed;
  const auto compare = [&](const char* what, const auto& was, const auto& is) {
    if (was != is) changed.push_back(fmt::format("{}: {}, now {}", what, was, is));
  };
  compare("device", before.run.device, after.device);
  compare("dtype", before.run.dtype, after.dtype);
  compare("threads", before.run.limits.num_threads, after.limits.num_threads);
  return changed;
}

}  // namespace

bool OpComparison::limits_changed() const {
  return std::max(std::abs(1 - read_ratio), std::abs(1 - peak_ratio)) > kDriftTolerance;
}

OpComparison compare_ops(SavedOpRun before, const OpRun& after) {
  OpComparison comparison{.before = std::move(before)};
  const OpRun& earlier = comparison.before.run;
  comparison.settings_changed = changed_settings(comparison.before, after);
  comparison.read_ratio = ratio(after.limits.all_read_gb_per_s, earlier.limits.all_read_gb_per_s);
  comparison.peak_ratio = ratio(after.limits.peak_gflop_per_s(), earlier.limits.peak_gflop_per_s());
  for (const OpResult& row : after.results) {
    const OpResult* was = find(earlier, key_of(row));
    if (was == nullptr) {
      comparison.only_after.push_back(key_of(row));
      continue;
    }
    const bool by_memory = limit_share(row, after.limits).limit.by_memory;
    comparison.rows.push_back(compare_rows(
        *was, earlier, row, after, by_memory ? comparison.read_ratio : comparison.peak_ratio));
  }
  for (const OpResult& row : earlier.results) {
    if (find(after, key_of(row)) == nullptr) comparison.only_before.push_back(key_of(row));
  }
  return comparison;
}

}  // namespace ernie::bench
