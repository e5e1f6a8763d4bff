#include "jobs/progress.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

TEST(LoadingText, TellsTheTimeThatIsLeft) {
  EXPECT_EQ(loading_text(0, 28, 3), "loading: 0 of 28 layers");
  EXPECT_EQ(loading_text(7, 28, 31.7), "loading: 7 of 28 layers, 1m35s left");
}

TEST(Progress, Durations) {
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(59.4), "59s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(3599), "59m59s");
  EXPECT_EQ(duration_text(7384), "2h03m");
  EXPECT_EQ(duration_text(1e300), duration_text(1e9));
}

TEST(Progress, Text) {
  EXPECT_EQ(progress_text({.num_done = 3, .num_total = 10, .num_tokens = 100, .seconds = 2}),
            " 3/10 rows   30%  50.0 tok/s  5s left");
  EXPECT_EQ(progress_text({.num_total = 10}), " 0/10 rows    0%  0.0 tok/s");
  EXPECT_EQ(progress_text({.num_done = 3, .num_tokens = 100, .seconds = 2}), "3 rows  50.0 tok/s");
}

TEST(Progress, TimeLeftCountsOnlyTheRowsOfThisRun) {
  // 50 of 100 rows were there before; 25 took 10 s, so the last 25 will take 10 s.
  const ProgressState state{
      .num_done = 75, .num_total = 100, .num_before = 50, .num_tokens = 10, .seconds = 10};
  EXPECT_EQ(progress_text(state), " 75/100 rows   75%  1.0 tok/s  10s left");
}

TEST(Progress, BarFitsTheTerminal) {
  const ProgressState half{.num_done = 5, .num_total = 10, .num_tokens = 10, .seconds = 1};
  EXPECT_TRUE(progress_bar(half, 200).starts_with("[###############...............] "));
  for (int columns = 1; columns < 120; ++columns) {
    EXPECT_LE(progress_bar(half, columns).size(), static_cast<size_t>(columns));
  }
}

}  // namespace
}  // namespace ernie
