#pragma once

/// Figures about samples, and whether two sets of samples differ.

#include <cstdint>
#include <span>
#include <vector>

namespace ernie::bench {

struct Summary {
  int64_t count = 0;
  double mean = 0;
  double sd = 0;  ///< of the sample (n - 1); 0 for one
  double min = 0, p5 = 0, median = 0, p95 = 0, p99 = 0, max = 0;
};

/// All zero for no samples.
Summary summarize(std::span<const double> samples);

/// The value below which the share q of the samples lies, linear between neighbours: rank q * (n -
/// 1). `sorted` ascending and not empty, q in [0, 1].
double percentile(std::span<const double> sorted, double q);

/// The two-sided probability, by Mann and Whitney's U, that two sets this far apart come from one
/// distribution: exact for at most 20 samples each without ties, else the normal approximation with
/// ties and continuity corrected. 1 if either is empty or all samples are equal.
double mann_whitney_p(std::span<const double> a, std::span<const double> b);

struct Interval {
  double low = 0, high = 0;
};

/// A 99 % bootstrap interval of median(b) / median(a), both positive. The same for the same seed.
Interval ratio_of_medians_interval(std::span<const double> a, std::span<const double> b,
                                   uint64_t seed);

/// At most `count` of the samples, evenly spaced in their order of time.
std::vector<double> thinned(std::span<const double> samples, size_t count);

}  // namespace ernie::bench
