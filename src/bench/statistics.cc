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
constexpr size_t kMostExact = 20;

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

struct RankSum {
  double of_a = 0;
  double ties = 0;  // Σ t³ - t over groups of t equal samples
};

RankSum rank_sum(std::span<const double> a, std::span<const double> b) {
  struct Sample {
    double value;
    bool from_a;
  };
  std::vector<Sample> all;
  for (const double x : a) all.push_back({x, true});
  for (const double x : b) all.push_back({x, false});
  std::ranges::sort(all, {}, &Sample::value);
  RankSum sum;
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end].value == all[begin].value) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    const auto tied = static_cast<double>(end - begin);
    sum.ties += tied * tied * tied - tied;
    for (; begin < end; ++begin) sum.of_a += all[begin].from_a ? rank : 0;
  }
  return sum;
}

/// P(U <= u) if every order of na and nb samples is equally likely. ways[i][j][u]: orders of i and
/// j samples with that U; the largest one comes from a, and beats j of b, or from b.
double u_tail(size_t na, size_t nb, double u) {
  const size_t most = na * nb;
  std::vector<std::vector<std::vector<double>>> ways(
      na + 1, std::vector<std::vector<double>>(nb + 1, std::vector<double>(most + 1)));
  for (size_t i = 0; i <= na; ++i) {
    for (size_t j = 0; j <= nb; ++j) {
      for (size_t k = 0; k <= most; ++k) {
        if (i == 0 || j == 0) {
          ways[i][j][k] = k == 0 ? 1 : 0;
          continue;
        }
        ways[i][j][k] = ways[i][j - 1][k] + (k >= j ? ways[i - 1][j][k - j] : 0);
      }
    }
  }
  const std::vector<double>& all = ways[na][nb];
  const auto last = static_cast<ptrdiff_t>(u);
  return std::accumulate(all.begin(), all.begin() + last + 1, 0.0) /
         std::accumulate(all.begin(), all.end(), 0.0);
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
  const RankSum ranks = rank_sum(a, b);
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size()), n = na + nb;
  const double u = ranks.of_a - na * (na + 1) / 2, mean = na * nb / 2;
  if (ranks.ties == 0 && std::max(a.size(), b.size()) <= kMostExact) {
    return std::min(1.0, 2 * u_tail(a.size(), b.size(), std::min(u, na * nb - u)));
  }
  const double variance = na * nb / 12 * (n + 1 - ranks.ties / (n * (n - 1)));
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
