#include "jobs/generation.h"

#include <unordered_map>

namespace ernie {
namespace {

constexpr size_t kWindowPerSequence = 4;

class JobRunner {
 public:
  JobRunner(Engine& engine, GenerationJob& job, size_t window)
      : engine_(engine), job_(job), window_(window) {}

  bool is_idle() const { return running_.empty(); }

  Result<void> submit() {
    while (running_.size() < window_) {
      ERNIE_TRY(std::optional<JobRequest> next, job_.next());
      if (!next) return {};
      auto id = engine_.add_request(std::move(next->request));
      if (id) {
        running_[*id].row = next->row;
      } else {
        ERNIE_TRY_VOID(job_.finished(next->row, std::move(id).error()));
      }
    }
    return {};
  }

  Result<void> step() {
    int64_t num_new_tokens = 0;
    for (RequestOutput& output : engine_.step()) {
      const auto running = running_.find(output.request_id);
      if (running == running_.end()) continue;
      num_new_tokens += static_cast<int64_t>(output.token_ids.size());
      if (!running->second.result.append(std::move(output))) continue;
      Running done = std::move(running->second);
      running_.erase(running);
      ERNIE_TRY_VOID(job_.finished(done.row, checked(std::move(done.result))));
    }
    job_.stepped(num_new_tokens);
    return {};
  }

  void abort_all() {
    for (const auto& [id, running] : running_) engine_.abort(id);
    running_.clear();
    while (engine_.has_unfinished()) engine_.step();
  }

 private:
  struct Running {
    int64_t row = 0;
    GenerationResult result;
  };
  Engine& engine_;
  GenerationJob& job_;
  size_t window_;
  std::unordered_map<RequestId, Running> running_;
};

}  // namespace

Result<void> run_job(Engine& engine, GenerationJob& job, size_t window,
                     const Interrupt& interrupt) {
  JobRunner runner(engine, job, window);
  while (true) {
    if (interrupt.raised()) {
      runner.abort_all();
      return Error{ErrorCode::kCancelled, "interrupted"};
    }
    ERNIE_TRY_VOID(runner.submit());
    if (runner.is_idle()) return {};
    ERNIE_TRY_VOID(runner.step());
  }
}

size_t request_window(const Engine& engine) {
  return kWindowPerSequence * static_cast<size_t>(engine.options().max_num_seqs);
}

}  // namespace ernie
