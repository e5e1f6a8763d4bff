#include "jobs/generation.h"

#include <condition_variable>
#include <mutex>
#include <unordered_map>

namespace ernie {
namespace {

constexpr size_t kWindowPerSequence = 4;

/// Which requests have ended, told by the engine's thread.
class EndedList {
 public:
  /// No more than `capacity` are in it at a time.
  explicit EndedList(size_t capacity) : capacity_(capacity) { ids_.reserve(capacity); }

  void add(RequestId id) {
    {
      const std::lock_guard lock(mutex_);
      ids_.push_back(id);
    }
    added_.notify_one();
  }
  /// Waits for one. Empty after the timeout.
  std::vector<RequestId> take(std::chrono::nanoseconds timeout) {
    std::vector<RequestId> taken;
    taken.reserve(capacity_);
    std::unique_lock lock(mutex_);
    added_.wait_for(lock, timeout, [this] { return !ids_.empty(); });
    taken.swap(ids_);
    return taken;
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<RequestId> ids_;
};

class JobRunner {
 public:
  JobRunner(EngineLoop& loop, GenerationJob& job, size_t window)
      : loop_(loop), job_(job), window_(window), ended_(std::make_shared<EndedList>(window)) {
    // The engine's thread may still be telling of the last end when this is gone.
    delivery_ = {.whole = true, .on_ready = [ended = ended_](RequestId id) { ended->add(id); }};
  }
  ~JobRunner() {
    for (auto& [id, running] : running_) running.stream.cancel();
    for (auto& [id, running] : running_) running.stream.next();
  }

  Result<void> run(const Interrupt& interrupt) {
    while (!interrupt.raised()) {
      ERNIE_TRY_VOID(submit());
      if (running_.empty()) return {};
      ERNIE_TRY_VOID(collect(kInterruptPoll));
    }
    ERNIE_TRY_VOID(collect({}));
    return Error{ErrorCode::kCancelled, "interrupted"};
  }

 private:
  struct Running {
    int64_t row = 0;
    TokenStream stream;
  };

  Result<void> submit() {
    while (running_.size() < window_) {
      ERNIE_TRY(std::optional<JobRequest> next, job_.next());
      if (!next) return {};
      const auto valid = check_request(next->request, loop_.limits());
      if (!valid) {
        ERNIE_TRY_VOID(job_.finished(next->row, valid.error()));
        continue;
      }
      ERNIE_TRY(TokenStream stream, loop_.submit(std::move(next->request), delivery_));
      const RequestId id = stream.id();
      running_.emplace(id, Running{next->row, std::move(stream)});
    }
    return {};
  }

  Result<void> collect(std::chrono::nanoseconds timeout) {
    for (const RequestId id : ended_->take(timeout)) {
      Running done = std::move(running_.extract(id).mapped());
      auto result = read_to_end(done.stream);
      if (!result) ERNIE_TRY_VOID(loop_.health());  // not the row's error, if it is one
      ERNIE_TRY_VOID(job_.finished(done.row, std::move(result)));
    }
    const int64_t num_tokens = loop_.status().num_output_tokens;
    job_.progressed(num_tokens - num_tokens_);
    num_tokens_ = num_tokens;
    return {};
  }

  EngineLoop& loop_;
  GenerationJob& job_;
  const size_t window_;
  const std::shared_ptr<EndedList> ended_;
  Delivery delivery_;
  std::unordered_map<RequestId, Running> running_;
  int64_t num_tokens_ = loop_.status().num_output_tokens;
};

}  // namespace

Result<void> run_job(EngineLoop& loop, GenerationJob& job, size_t window,
                     const Interrupt& interrupt) {
  return JobRunner(loop, job, window).run(interrupt);
}

size_t request_window(const EngineLoop& loop) {
  return kWindowPerSequence * static_cast<size_t>(loop.options().max_num_seqs);
}

}  // namespace ernie
