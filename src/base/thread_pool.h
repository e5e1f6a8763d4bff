#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace ernie {

/// A fixed set of threads that share out loops. The calling thread works too, so a pool of one
/// starts no thread. One caller at a time. Which thread runs a task is not determined: a task's
/// result must depend on its index alone, and then it is the same for every number of threads.
///
/// Other programs may take a processor away at any moment. So a loop that is worth less than
/// handing it over stays with its caller, a helper that has not begun when the tasks run out is not
/// waited for, and after helpers were interrupted in a task, fewer are asked for a while.
class ThreadPool {
 public:
  /// A reference to a callable void(int64_t task_index, int thread_index), which must outlive the
  /// call that it is passed to. Nothing is copied or allocated.
  class Task {
   public:
    template <typename Callable>
    requires std::is_invocable_v<const Callable&, int64_t, int> Task(
        const Callable& callable)  // NOLINT: implicit, so that `run` takes a lambda
        : callable_(&callable), call_([](const void* target, int64_t task, int thread) {
            (*static_cast<const Callable*>(target))(task, thread);
          }) {}
    void operator()(int64_t task, int thread) const { call_(callable_, task, thread); }

   private:
    const void* callable_;
    void (*call_)(const void*, int64_t, int);
  };

  /// A `work_ns` for loops that are worth every thread.
  static constexpr int64_t kMuchWork = INT64_MAX;

  /// 1 <= num_threads <= 16,384. Has fewer threads if the system gives no more.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls task(i, thread_index) once for each i in [0, num_tasks) and returns when all are done.
  /// 0 <= thread_index < num_threads(), for scratch memory. `work_ns` is about how many nanoseconds
  /// one thread needs for the whole loop; it decides how many threads take part, and nothing else.
  /// Allocates nothing. Tasks must not throw. A task may call `run`: that loop stays on its thread.
  void run(int64_t num_tasks, int64_t work_ns, Task task);

 private:
  using Clock = std::chrono::steady_clock;

  int num_helpers(int64_t num_tasks, int64_t work_ns);
  void open_loop(int num_helpers);
  int64_t take_tasks(int thread_index);
  void close_loop(int num_helpers, Clock::duration patience);
  void limit_helpers(int limit, Clock::duration waited);

  void worker_loop(int thread_index);
  uint32_t await_loop(uint32_t seen);
  bool join();
  void leave();

  std::vector<std::thread> workers_;

  // The loop that is under way. Written by the caller while no helper is in it.
  const Task* task_ = nullptr;
  int64_t num_tasks_ = 0;
  // Who is in it: places still free, helpers that joined, whether the caller sleeps. 0: closed.
  alignas(64) std::atomic<uint32_t> state_{0};
  alignas(64) std::atomic<int64_t> next_task_{0};
  // Loops opened so far: what idle workers look at.
  alignas(64) std::atomic<uint32_t> num_loops_{0};
  std::atomic<int> caller_cpu_{-1};
  std::atomic<int> num_asleep_{0};
  std::atomic<bool> stopping_{false};

  // The caller's own: until when fewer helpers are asked, how long that is, and how many.
  alignas(64) Clock::time_point limited_until_{};
  Clock::duration limited_for_{};
  int limit_ = 0;
};

/// The processors that this process may use.
int available_processors();

}  // namespace ernie
