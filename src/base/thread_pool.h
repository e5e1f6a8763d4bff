#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace ernie {

/// A fixed set of threads that share out loops. The calling thread works too, so a pool of one
/// starts no thread. One caller at a time. Which thread runs a task is not determined: a task's
/// result must depend on its index alone, and then it is the same for every number of threads.
class ThreadPool {
 public:
  using Task = std::function<void(int64_t task_index, int thread_index)>;

  /// num_threads >= 1.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls task(i, thread_index) once for each i in [0, num_tasks) and returns when all are done.
  /// 0 <= thread_index < num_threads(), for scratch memory. Tasks must not throw or call `run`.
  void run(int64_t num_tasks, const Task& task);

 private:
  void worker_loop(int thread_index);
  void take_tasks(int thread_index);

  std::vector<std::thread> workers_;
  const Task* task_ = nullptr;
  int64_t num_tasks_ = 0;
  std::atomic<int64_t> next_task_{0};
  std::atomic<int> num_busy_{0};
  std::atomic<uint32_t> generation_{0};
  std::atomic<bool> stopping_{false};
};

/// The processors that this process may use.
int available_processors();

}  // namespace ernie
