#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/rng.h"

namespace ernie::bench {
namespace {

constexpr int kResamples = 1000;
constexpr double kTail = 0.005;

std::vector<double> sorted_copy(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

double median_of_resample(std::span<const double> samples, uint64_t seed, uint64_t stream,
                          std::vector<double>& scratch) {
  scratch.resize(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const double u = philox_uniform(seed, stream, i);
    scratch[i] = samples[static_cast<size_t>(u * static_cast<double>(samples.size()))];
  }
  std::sort(scratch.begin(), scratch.end());
  return percentile(scratch, 0.5);
}

}  // namespace

double percentile(std::span<const double> sorted, double q) {
  ERNIE_CHECK(!sorted.empty() && 0 <= q && q <= 1, "{} samples, q {}", sorted.size(), q);
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (rank - std::floor(rank)) * (sorted[below + 1] - sorted[below]);
}

Summary summarize(std::span<const double> samples) {
  Summary summary;
  if (samples.empty()) return summary;
  const std::vector<double> sorted = sorted_copy(samples);
  const auto count = static_cast<double>(samples.size());
  summary.count = static_cast<int64_t>(samples.size());
  summary.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count;
  double squares = 0;
  for (const double x : sorted) squares += (x - summary.mean) * (x - summary.mean);
  summary.sd = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  summary.min = sorted.front();
  summary.p5 = percentile(sorted, 0.05);
  summary.median = percentile(sorted, 0.5);
  summary.p95 = percentile(sorted, 0.95);
  summary.p99 = percentile(sorted, 0.99);
  summary.max = sorted.back();
  return summary;
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 1;
  struct Sample {
    double value;
    bool from_a;
  };
  std::vector<Sample> all;
  for (const double x : a) all.push_back({x, true});
  for (const double x : b) all.push_back({x, false});
  std::sort(all.begin(), all.end(), [](auto& x, auto& y) { return x.value < y.value; });
  double rank_sum = 0, ties = 0;
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end].value == all[begin].value) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    const auto tied = static_cast<double>(end - begin);
    ties += tied * tied * tied - tied;
    for (; begin < end; ++begin) rank_sum += all[begin].from_a ? rank : 0;
  }
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size()), n = na + nb;
  const double u = rank_sum - na * (na + 1) / 2, mean = na * nb / 2;
  const double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return 1;
  const double z = std::max(0.0, std::abs(u - mean) - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

Interval ratio_of_medians_interval(std::span<const double> a, std::span<const double> b,
                                   uint64_t seed) {
  ERNIE_CHECK(!a.empty() && !b.empty(), "{} and {} samples", a.size(), b.size());
  std::vector<double> ratios, scratch;
  for (uint64_t i = 0; i < kResamples; ++i) {
    const double of_a = median_of_resample(a, seed, 2 * i, scratch);
    ratios.push_back(median_of_resample(b, seed, 2 * i + 1, scratch) / of_a);
  }
  std::sort(ratios.begin(), ratios.end());
  return {percentile(ratios, kTail), percentile(ratios, 1 - kTail)};
}

std::vector<double> thinned(std::span<const double> samples, size_t count) {
  if (samples.size() <= count) return {samples.begin(), samples.end()};
  std::vector<double> kept;
  for (size_t i = 0; i < count; ++i) kept.push_back(samples[i * samples.size() / count]);
  return kept;
}

}  // namespace ernie::bench
