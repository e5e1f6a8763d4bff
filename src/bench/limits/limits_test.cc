#include "bench/limits/limits.h"

#include <gtest/gtest.h>

#include <vector>

#include "bench/limits/select.h"

namespace ernie::bench {
namespace {

TEST(Probes, ReadingSumsEveryWord) {
  constexpr size_t kWords = 4096 / sizeof(uint64_t);
  alignas(64) static uint64_t words[kWords];
  for (size_t changed = 0; changed < kWords; changed += 37) {
    for (size_t i = 0; i < kWords; ++i) words[i] = i == changed ? 1000 : 1;
    EXPECT_EQ(best_probes().read(words, sizeof words), kWords + 999);
    EXPECT_EQ(read_portable(words, sizeof words), kWords + 999);
  }
}

TEST(Probes, EveryStepIsDone) {
  for (const ComputeProbe& probe : runnable_compute_probes()) {
    // Chain i begins at i. Lane 0: c = 1.0001 c + 1.0001, or a sum of two or four products of one.
    double expected = 0;
    constexpr int64_t kRounds = 10;
    for (int64_t i = 0; i < kChains; ++i) {
      auto c = static_cast<double>(i);
      for (int64_t k = 0; k < kRounds; ++k) {
        if (probe.name == "float32 fma") c = 1.0001 * c + 1.0001;
        if (probe.name == "bf16 dot") c += 2;
        if (probe.name == "int8 dot") c += 4;
      }
      expected += probe.isa == "portable" ? kPortableLanes * c : c;
    }
    EXPECT_NEAR(probe.run(kRounds), expected, 1e-5 * expected) << probe.name << " " << probe.isa;
  }
}

TEST(Limits, EveryFigureIsMeasured) {
  auto probe = LimitProbe::create(2);
  ASSERT_TRUE(probe) << probe.error().message;
  const MachineLimits limits = (*probe)->measure(0);
  EXPECT_EQ(limits.num_threads, 2);
  EXPECT_GT(limits.buffer_bytes, 2 * last_level_cache_bytes());
  EXPECT_GT(limits.one_read_gb_per_s, 0.01);
  EXPECT_GT(limits.all_read_gb_per_s, 0.01);
  ASSERT_EQ(limits.peaks.size(), best_probes().compute.size());
  EXPECT_EQ(limits.peaks.front().name, "float32 fma");
  for (const PeakRate& peak : limits.peaks) {
    EXPECT_GT(peak.one_gop_per_s, 0.1) << peak.name;
    EXPECT_GT(peak.all_gop_per_s, 0.1) << peak.name;
  }
  EXPECT_GT((*probe)->glimpse_read_gb_per_s(), 0.01);
  EXPECT_GT((*probe)->glimpse_peak_gflop_per_s(), 0.01);
}

TEST(Limits, BestOfTakesEachFigure) {
  const MachineLimits a{.one_read_gb_per_s = 1, .all_read_gb_per_s = 9, .peaks = {{"x", "", 5, 6}}};
  const MachineLimits b{.one_read_gb_per_s = 2, .all_read_gb_per_s = 8, .peaks = {{"x", "", 4, 7}}};
  const MachineLimits best = best_of(a, b);
  EXPECT_EQ(best.one_read_gb_per_s, 2);
  EXPECT_EQ(best.all_read_gb_per_s, 9);
  EXPECT_EQ(best.peaks[0].one_gop_per_s, 5);
  EXPECT_EQ(best.peaks[0].all_gop_per_s, 7);
}

}  // namespace
}  // namespace ernie::bench
