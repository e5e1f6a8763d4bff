#include "base/thread_pool.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <exception>
#include <utility>

#include "base/check.h"

namespace ernie {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// An idle helper takes part after about a microsecond, a sleeping one after some fifty; half of a
// loop must be worth that.
constexpr int64_t kWorkPerThreadNs = 20'000;
// A step hands over about a hundred loops in a row. Sleeping between them would cost a wake-up
// each, so a helper looks for the next one for so long before it sleeps. Not on the caller's
// processor.
constexpr nanoseconds kHelperSpin = microseconds(50);
// The caller waits for tasks of a few microseconds. It soon sleeps, as an interrupted helper may be
// waiting for the caller's processor. Nobody yields: that can cost a whole time slice.
constexpr nanoseconds kCallerSpin = microseconds(20);

// Waiting for helpers longer than this, and longer than tasks of unequal size explain, means that
// they were interrupted.
constexpr nanoseconds kPatience = microseconds(200);
constexpr nanoseconds kShortestLimit = milliseconds(1), kLongestLimit = milliseconds(64);

// The parts of state_: one bit, then the helpers in the loop, then the places still free in it.
constexpr uint32_t kCallerSleeps = 1;
constexpr uint32_t kHelper = 2;
constexpr uint32_t kPlace = 1 << 16;
constexpr int kMaxThreads = 1 << 14;

uint32_t helpers_in(uint32_t state) { return state % kPlace / kHelper; }
uint32_t places_in(uint32_t state) { return state / kPlace; }

/// Which pool's loop this thread is in, and as which of its threads.
struct Place {
  const ThreadPool* pool = nullptr;
  int thread_index = 0;
};
thread_local Place t_place;

/// The word must still be `expected` for the thread to sleep; it may wake for no reason. False: the
/// time is over.
bool sleep_while_equal(std::atomic<uint32_t>& word, uint32_t expected,
                       const timespec* time = nullptr) {
  static_assert(sizeof word == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, time, nullptr, 0);
  return result == 0 || errno != ETIMEDOUT;
}

void wake(std::atomic<uint32_t>& word, int num_threads) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, num_threads, nullptr, nullptr, 0);
}

/// Whether `condition` became true in that time; looks at `give_up` every other microsecond.
template <typename Condition, typename GiveUp>
bool spin_until(const Condition& condition, nanoseconds time, const GiveUp& give_up) {
  constexpr int kLooks = 64;
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (condition()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (!give_up() && std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) {
  ERNIE_CHECK(1 <= num_threads && num_threads <= kMaxThreads, "num_threads {}", num_threads);
  workers_.reserve(static_cast<size_t>(num_threads) - 1);
  try {
    for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
  } catch (const std::exception&) {
    // The system has no more threads, or no memory for one: those that there are do all of it.
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_relaxed);
  num_loops_.fetch_add(1, std::memory_order_release);
  wake(num_loops_, INT_MAX);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t num_tasks, int64_t work_ns, Task task) {
  const bool is_nested = t_place.pool == this;
  const int helpers = is_nested ? 0 : num_helpers(num_tasks, work_ns);
  if (helpers == 0) {
    const int thread_index = is_nested ? t_place.thread_index : 0;
    for (int64_t i = 0; i < num_tasks; ++i) task(i, thread_index);
    return;
  }
  task_ = &task;
  num_tasks_ = num_tasks;
  next_task_.store(0, std::memory_order_relaxed);
  open_loop(helpers);
  const Clock::time_point start = Clock::now();
  const int64_t num_mine = take_tasks(0);
  const nanoseconds task_time = (Clock::now() - start) / std::max<int64_t>(num_mine, 1);
  close_loop(helpers, kPatience + std::max(4 * task_time, nanoseconds(work_ns / 4)));
}

int ThreadPool::num_helpers(int64_t num_tasks, int64_t work_ns) {
  const int64_t num_worthwhile = work_ns / kWorkPerThreadNs - 1;
  const int64_t wanted =
      std::min({num_worthwhile, num_tasks - 1, static_cast<int64_t>(workers_.size())});
  if (wanted <= limit_ || Clock::now() >= limited_until_) {
    return static_cast<int>(std::max<int64_t>(wanted, 0));
  }
  return limit_;
}

void ThreadPool::open_loop(int num_helpers) {
  uint32_t state = 0;
  // Whoever joins sees what was written before.
  const bool was_closed = state_.compare_exchange_strong(
      state, static_cast<uint32_t>(num_helpers) * kPlace, std::memory_order_release);
  ERNIE_CHECK(was_closed, "two callers at once: {:#x}", state);
  caller_cpu_.store(::sched_getcpu(), std::memory_order_relaxed);
  // Either this sees a worker that is about to sleep, or that worker sees the new number.
  num_loops_.fetch_add(1, std::memory_order_seq_cst);
  const int num_asleep = num_asleep_.load(std::memory_order_seq_cst);
  const int num_awake = static_cast<int>(workers_.size()) - num_asleep;
  if (num_awake < num_helpers) wake(num_loops_, num_helpers - num_awake);
}

int64_t ThreadPool::take_tasks(int thread_index) {
  const Place outer = std::exchange(t_place, {this, thread_index});
  int64_t count = 0;
  for (;; ++count) {
    const int64_t i = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (i >= num_tasks_) break;
    (*task_)(i, thread_index);
  }
  t_place = outer;
  return count;
}

/// Returns when every task is done, which is when those who joined have left.
void ThreadPool::close_loop(int num_helpers, Clock::duration patience) {
  state_.fetch_and(kPlace - 1, std::memory_order_acquire);  // nobody joins any more
  const auto is_done = [this] { return state_.load(std::memory_order_acquire) == 0; };
  if (spin_until(is_done, kCallerSpin, [] { return false; })) return;
  const Clock::time_point start = Clock::now();
  const auto ns = std::chrono::duration_cast<nanoseconds>(patience).count();
  const timespec time{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  const timespec* time_limit = &time;
  int num_in_time = num_helpers;
  uint32_t state = state_.fetch_or(kCallerSleeps, std::memory_order_acquire) | kCallerSleeps;
  while (helpers_in(state) != 0) {
    const bool in_time = sleep_while_equal(state_, state, time_limit);
    state = state_.load(std::memory_order_acquire);
    if (in_time) continue;
    num_in_time -= static_cast<int>(helpers_in(state));
    time_limit = nullptr;
  }
  state_.store(0, std::memory_order_relaxed);
  if (num_in_time < num_helpers) limit_helpers(num_in_time, Clock::now() - start);
}

/// For as long as the helpers were waited for, so that at most as much is lost again; for twice as
/// long each time if it happens often.
void ThreadPool::limit_helpers(int limit, Clock::duration waited) {
  const Clock::time_point now = Clock::now();
  const bool is_repeated = now < limited_until_ + 8 * limited_for_;
  const Clock::duration wanted = std::max(waited, is_repeated ? 2 * limited_for_ : waited);
  limited_for_ = std::clamp<Clock::duration>(wanted, kShortestLimit, kLongestLimit);
  limited_until_ = now + limited_for_;
  limit_ = limit;
}

void ThreadPool::worker_loop(int thread_index) {
  uint32_t seen = 0;
  while (true) {
    seen = await_loop(seen);
    if (stopping_.load(std::memory_order_relaxed)) return;
    if (!join()) continue;
    take_tasks(thread_index);
    leave();
  }
}

uint32_t ThreadPool::await_loop(uint32_t seen) {
  const auto is_new = [&] { return num_loops_.load(std::memory_order_acquire) != seen; };
  const auto is_in_the_way = [this] {
    return ::sched_getcpu() == caller_cpu_.load(std::memory_order_relaxed);
  };
  if (!spin_until(is_new, kHelperSpin, is_in_the_way)) {
    num_asleep_.fetch_add(1, std::memory_order_seq_cst);
    while (num_loops_.load(std::memory_order_seq_cst) == seen) {
      sleep_while_equal(num_loops_, seen);
    }
    num_asleep_.fetch_sub(1, std::memory_order_relaxed);
  }
  return num_loops_.load(std::memory_order_acquire);
}

bool ThreadPool::join() {
  uint32_t state = state_.load(std::memory_order_relaxed);
  while (places_in(state) != 0) {
    if (state_.compare_exchange_weak(state, state - kPlace + kHelper, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void ThreadPool::leave() {
  const uint32_t before = state_.fetch_sub(kHelper, std::memory_order_release);
  if (before == (kHelper | kCallerSleeps)) wake(state_, 1);
}

int available_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace ernie
