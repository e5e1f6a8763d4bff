#include "bench/op_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "bench/operand_maker.h"

namespace ernie::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShortestSample = 100e-6;  // far above the resolution of the clock
constexpr double kGlimpseInterval = 0.25;
constexpr size_t kFewestSamples = 5;
constexpr double kWarmUpShare = 0.1;
constexpr size_t kWorkingSetCaches = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Sampler {
 public:
  Sampler(Backend& backend, LimitProbe& probe, const PreparedOp& op, OpResult& result)
      : backend_(backend), probe_(probe), op_(op), result_(result) {}

  Result<void> warm_up(double seconds) {
    const auto start = Clock::now();
    double shortest = std::numeric_limits<double>::max();
    do {
      ERNIE_TRY(const double taken, time_calls(1));
      shortest = std::min(shortest, taken);
    } while (seconds_since(start) < seconds);
    const double calls = std::ceil(kShortestSample / std::max(shortest, 1e-9));
    result_.calls_per_sample = std::max(int64_t{1}, static_cast<int64_t>(calls));
    return {};
  }

  Result<void> sample(double seconds) {
    glimpse();
    double measured = 0, since_glimpse = 0;
    while (measured < seconds || result_.samples.size() < kFewestSamples) {
      ERNIE_TRY(const double taken, time_calls(result_.calls_per_sample));
      result_.samples.push_back(taken / static_cast<double>(result_.calls_per_sample));
      measured += taken;
      since_glimpse += taken;
      if (since_glimpse < kGlimpseInterval) continue;
      glimpse();
      since_glimpse = 0;
    }
    glimpse();
    return {};
  }

 private:
  Result<double> time_calls(int64_t count) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < count; ++i) op_.call(next_call_++);
    ERNIE_TRY_VOID(backend_.synchronize());
    return seconds_since(start);
  }

  void glimpse() {
    result_.glimpses.read_gb_per_s.push_back(probe_.glimpse_read_gb_per_s());
    result_.glimpses.peak_gflop_per_s.push_back(probe_.glimpse_peak_gflop_per_s());
  }

  Backend& backend_;
  LimitProbe& probe_;
  const PreparedOp& op_;
  OpResult& result_;
  int64_t next_call_ = 0;
};

std::vector<double> all_glimpses(const std::vector<OpResult>& results,
                                 std::vector<double> Glimpses::*kind) {
  std::vector<double> all;
  for (const OpResult& result : results) {
    const std::vector<double>& of_row = result.glimpses.*kind;
    all.insert(all.end(), of_row.begin(), of_row.end());
  }
  return all;
}

Drift drift_of(const std::vector<double>& glimpses) {
  const Summary summary = summarize(glimpses);
  if (summary.median <= 0) return {};
  return {summary.p5 / summary.median, summary.p95 / summary.median};
}

}  // namespace

LimitShare limit_share(const OpResult& result, const MachineLimits& limits) {
  const double median = summarize(result.samples).median;
  LimitShare share;
  share.limit = limit_time(result.cost, limits.all_read_gb_per_s, limits.peak_gflop_per_s());
  share.share = share.limit.seconds / median;
  share.gb_per_s = result.cost.bytes / median * 1e-9;
  share.gflop_per_s = result.cost.operations / median * 1e-9;
  return share;
}

MachineDrift machine_drift(const std::vector<OpResult>& results) {
  return {drift_of(all_glimpses(results, &Glimpses::read_gb_per_s)),
          drift_of(all_glimpses(results, &Glimpses::peak_gflop_per_s))};
}

double machine_speed_during(const OpResult& result, const std::vector<OpResult>& all) {
  const auto relative = [&](std::vector<double> Glimpses::*kind) {
    const double usual = summarize(all_glimpses(all, kind)).median;
    return usual > 0 ? summarize(result.glimpses.*kind).median / usual : 1;
  };
  return std::min(relative(&Glimpses::read_gb_per_s), relative(&Glimpses::peak_gflop_per_s));
}

Result<void> run_ops(Backend& backend, int num_threads, const std::vector<OpCase>& cases,
                     const OpProgress& progress, OpRun& run) {
  run.working_set_bytes = kWorkingSetCaches * last_level_cache_bytes();
  ERNIE_TRY(const std::unique_ptr<LimitProbe> probe, LimitProbe::create(num_threads));
  run.limits = probe->measure(run.options.limits_seconds);
  OperandMaker maker(backend, run.working_set_bytes, run.options.seed);
  for (size_t i = 0; i < cases.size(); ++i) {
    const OpCase& op_case = cases[i];
    if (progress) progress(i, cases.size(), op_case);
    const Operation& operation = op_case.operation;
    ERNIE_TRY(const PreparedOp op, maker.prepare(operation));
    OpResult result{.op = std::string(operation.op),
                    .name = {operation.name, operation.name_zh},
                    .shape = operation.shape,
                    .tokens = static_cast<double>(operation.num_tokens),
                    .cost = op.cost,
                    .num_copies = op.num_copies,
                    .published = op_case.published};
    Sampler sampler(backend, *probe, op, result);
    ERNIE_TRY_VOID(sampler.warm_up(kWarmUpShare * run.options.seconds_per_op));
    ERNIE_TRY_VOID(sampler.sample(run.options.seconds_per_op));
    run.results.push_back(std::move(result));
  }
  run.limits = best_of(run.limits, probe->measure(run.options.limits_seconds));
  for (const OpResult& result : run.results) {
    double& read = run.limits.all_read_gb_per_s;
    read = std::max(read, std::ranges::max(result.glimpses.read_gb_per_s));
    double& peak = run.limits.peaks.front().all_gop_per_s;
    peak = std::max(peak, std::ranges::max(result.glimpses.peak_gflop_per_s));
  }
  return {};
}

}  // namespace ernie::bench
