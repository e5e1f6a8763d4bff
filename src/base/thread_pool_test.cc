#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>

namespace ernie {
namespace {

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int64_t num_tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> counts(static_cast<size_t>(num_tasks));
      pool.run(num_tasks, [&](int64_t i, int thread) {
        ASSERT_TRUE(0 <= thread && thread < threads);
        counts[static_cast<size_t>(i)].fetch_add(1);
      });
      for (const auto& count : counts) EXPECT_EQ(count.load(), 1);
    }
  }
}

// Thousands of short loops in a row, with pauses in which the workers fall asleep: a lost wake-up
// would hang here, a missing barrier would show in the sums.
TEST(ThreadPool, IsABarrierEachTime) {
  ThreadPool pool(3);
  std::vector<int64_t> values(64, 0);
  for (int round = 0; round < 5000; ++round) {
    pool.run(64, [&](int64_t i, int) { values[static_cast<size_t>(i)] += i; });
    if (round % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (int64_t i = 0; i < 64; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], 5000 * i);
}

TEST(ThreadPool, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 200; ++i) ThreadPool pool(4);
}

}  // namespace
}  // namespace ernie
