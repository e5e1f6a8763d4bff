#include "simulation.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

// scripts/simulate_scheduler.py runs a million seeds.
TEST(SchedulerSimulation, NoInvariantBreaks) {
  SimulationCounts counts;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Simulation simulation(seed);
    const std::string failure = simulation.run(200);
    ASSERT_EQ(failure, "") << "seed " << seed;
    counts += simulation.counts();
  }
  // All that can happen happens often.
  EXPECT_GT(counts.num_finished, 500'000);
  EXPECT_GT(counts.num_cancelled, 50'000);
  EXPECT_GT(counts.num_preemptions, 50'000);
  EXPECT_GT(counts.num_cached_tokens, 1'000'000);
  EXPECT_GT(counts.num_held, 10'000);
  EXPECT_GT(counts.num_copies, 50'000);
  EXPECT_GT(counts.num_kept, 20'000);
}

}  // namespace
}  // namespace ernie
