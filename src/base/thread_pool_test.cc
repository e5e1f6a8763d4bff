#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

namespace ernie {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kMuch = ThreadPool::kMuchWork;

/// Sums task indices; each must come once.
struct Tally {
  std::vector<std::atomic<int>> counts;
  explicit Tally(int64_t num_tasks) : counts(static_cast<size_t>(num_tasks)) {}
  void add(int64_t task) { counts[static_cast<size_t>(task)].fetch_add(1); }
  bool all_are(int count) const {
    return std::all_of(counts.begin(), counts.end(), [&](const auto& c) { return c == count; });
  }
};

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int64_t num_tasks : {0, 1, 2, 7, 1000}) {
      for (const int64_t work_ns : {int64_t{0}, int64_t{70'000}, kMuch}) {
        Tally tally(num_tasks);
        pool.run(num_tasks, work_ns, [&](int64_t i, int thread) {
          ASSERT_TRUE(0 <= thread && thread < threads);
          tally.add(i);
        });
        EXPECT_TRUE(tally.all_are(1)) << num_tasks << " tasks, " << threads << " threads";
      }
    }
  }
}

// Short loops in a row, with pauses in which the helpers fall asleep: a lost wake-up of the caller
// would hang here, a missing barrier would show in the values, which are no atomics.
TEST(ThreadPool, IsABarrierEachTime) {
  ThreadPool pool(3);
  std::vector<int64_t> values(64, 0);
  for (int round = 0; round < 5000; ++round) {
    pool.run(64, kMuch, [&](int64_t i, int) { values[static_cast<size_t>(i)] += i; });
    if (round % 1000 == 0) std::this_thread::sleep_for(milliseconds(5));
  }
  for (int64_t i = 0; i < 64; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], 5000 * i);
}

// Helpers come late to most of these: they must find a loop closed, or the one after it whole.
TEST(ThreadPool, MillionsOfTinyLoops) {
#if defined(__SANITIZE_THREAD__)
  constexpr int kRounds = 50'000;
#else
  constexpr int kRounds = 1'000'000;
#endif
  for (const int threads : {2, 4}) {
    ThreadPool pool(threads);
    int64_t values[3] = {0, 0, 0};
    for (int round = 0; round < kRounds; ++round) {
      const int64_t num_tasks = 2 + round % 2;
      const int64_t addend = round;  // each loop has its own callable at the same address
      pool.run(num_tasks, kMuch, [&values, addend](int64_t i, int) { values[i] += addend; });
    }
    const int64_t sum = int64_t{kRounds} * (kRounds - 1) / 2;
    EXPECT_EQ(values[0], sum);
    EXPECT_EQ(values[1], sum);
    EXPECT_EQ(values[2], int64_t{kRounds / 2} * (kRounds / 2));  // the odd rounds
  }
}

TEST(ThreadPool, ShortLoopsStayWithTheirCaller) {
  ThreadPool pool(4);
  for (int round = 0; round < 1000; ++round) {
    pool.run(8, 1000, [caller = std::this_thread::get_id()](int64_t, int thread) {
      EXPECT_EQ(thread, 0);
      EXPECT_EQ(std::this_thread::get_id(), caller);
    });
  }
}

TEST(ThreadPool, AsManyThreadsAsTheWorkIsWorth) {
  ThreadPool pool(8);
  std::mutex mutex;
  std::set<int> threads;
  for (int round = 0; round < 50; ++round) {
    pool.run(64, 70'000, [&](int64_t, int thread) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      const std::lock_guard lock(mutex);
      threads.insert(thread);
    });
    EXPECT_LE(threads.size(), 3u) << "round " << round;
    threads.clear();
  }
}

/// Holds threads in a task until all have come.
class Meeting {
 public:
  explicit Meeting(int size) : missing_(size) {}
  bool attend() {
    std::unique_lock lock(mutex_);
    if (--missing_ == 0) all_here_.notify_all();
    return all_here_.wait_for(lock, std::chrono::seconds(20), [&] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int missing_;
};

TEST(ThreadPool, AllThreadsTakePartInMuchWork) {
  ThreadPool pool(5);
  for (int round = 0; round < 20; ++round) {
    Meeting meeting(5);
    Tally threads(5);
    pool.run(5, kMuch, [&](int64_t, int thread) {
      EXPECT_TRUE(meeting.attend());
      threads.add(thread);
    });
    EXPECT_TRUE(threads.all_are(1)) << "round " << round;
    if (round % 4 == 0) std::this_thread::sleep_for(milliseconds(2));  // they fall asleep
  }
}

// The caller waits for a task that a helper holds, long enough to sleep meanwhile.
TEST(ThreadPool, WaitsForAHelperThatIsHeldUp) {
  ThreadPool pool(2);
  for (int round = 0; round < 10; ++round) {
    Meeting meeting(2);
    bool is_done = false;
    pool.run(2, kMuch, [&](int64_t, int thread) {
      EXPECT_TRUE(meeting.attend());
      if (thread == 0) return;
      std::this_thread::sleep_for(milliseconds(5));
      is_done = true;
    });
    EXPECT_TRUE(is_done);
  }
}

// One that was held up is not asked in the next short loops; later it is again.
TEST(ThreadPool, DoesWithoutHelpersThatWereHeldUp) {
  ThreadPool pool(2);
  constexpr int64_t kWorkNs = 100'000;
  Meeting both(2);
  pool.run(2, kWorkNs, [&](int64_t, int thread) {
    EXPECT_TRUE(both.attend());
    if (thread == 1) std::this_thread::sleep_for(milliseconds(200));
  });
  pool.run(4, kWorkNs, [&](int64_t, int thread) {
    EXPECT_EQ(thread, 0);
    std::this_thread::sleep_for(milliseconds(1));
  });
  std::this_thread::sleep_for(milliseconds(100));
  Meeting again(2);
  pool.run(2, kWorkNs, [&](int64_t, int) { EXPECT_TRUE(again.attend()); });
}

TEST(ThreadPool, ALoopInATaskStaysOnItsThread) {
  ThreadPool pool(3);
  ThreadPool other(2);
  Tally tally(30);
  Meeting all(3);
  pool.run(3, kMuch, [&](int64_t i, int thread) {
    EXPECT_TRUE(all.attend());
    pool.run(10, kMuch, [&](int64_t j, int inner_thread) {
      EXPECT_EQ(inner_thread, thread);
      tally.add(10 * i + j);
    });
  });
  EXPECT_TRUE(tally.all_are(1));
  int64_t sum = 0;
  // Another pool may be used meanwhile, and this one after it.
  pool.run(1, kMuch, [&](int64_t, int) {
    std::atomic<int64_t> inner{0};
    other.run(100, kMuch, [&](int64_t i, int) { inner += i; });
    sum = inner;
  });
  EXPECT_EQ(sum, 4950);
}

TEST(ThreadPool, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 200; ++i) ThreadPool pool(4);
}

TEST(ThreadPool, StopsWhileHelpersAreOnTheirWay) {
  for (int i = 0; i < 500; ++i) {
    ThreadPool pool(4);
    Tally tally(4);
    pool.run(4, kMuch, [&](int64_t task, int) { tally.add(task); });
    EXPECT_TRUE(tally.all_are(1));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need address space
/// 64 threads asked for, with address space for the stacks of a few.
int run_with_few_threads() {
  constexpr rlim_t kRoom = rlim_t{64} << 20;
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  long num_pages = 0;
  if (std::FILE* const statm = std::fopen("/proc/self/statm", "r"); statm != nullptr) {
    if (std::fscanf(statm, "%ld", &num_pages) != 1) return 3;
    std::fclose(statm);
  }
  limit.rlim_cur = static_cast<rlim_t>(num_pages * ::sysconf(_SC_PAGESIZE)) + kRoom;
  ::setrlimit(RLIMIT_AS, &limit);
  ThreadPool pool(64);
  if (pool.num_threads() == 64) return 2;
  Tally tally(1000);
  pool.run(1000, kMuch, [&](int64_t task, int) { tally.add(task); });
  return tally.all_are(1) ? 0 : 1;
}

TEST(ThreadPoolDeathTest, DoesWithTheThreadsThatTheSystemGives) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(run_with_few_threads()), ::testing::ExitedWithCode(0), "");
}
#endif

#if !defined(__SANITIZE_THREAD__)  // it ends the program for the race that is the mistake
TEST(ThreadPoolDeathTest, TwoCallersAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        pool.run(2, kMuch, [&](int64_t i, int) {
          if (i == 1) std::this_thread::sleep_for(milliseconds(500));
          if (i == 0) std::thread([&] { pool.run(2, kMuch, [](int64_t, int) {}); }).join();
        });
      },
      "two callers at once");
}
#endif

}  // namespace
}  // namespace ernie
