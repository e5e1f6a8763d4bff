#include "cli/generation.h"

#include <iterator>
#include <unordered_map>

namespace ernie {
namespace {

constexpr size_t kWindowPerSequence = 4;

template <typename T>
void append_all(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

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

Result<GenerationResult> checked(GenerationResult result) {
  if (result.finish_reason != FinishReason::kError) return result;
  return make_error(ErrorCode::kIo, "generation failed: {}", result.error);
}

bool GenerationResult::append(RequestOutput output) {
  text += output.text;
  append_all(token_ids, std::move(output.token_ids));
  append_all(logprobs, std::move(output.logprobs));
  append_all(prompt_logprobs, std::move(output.prompt_logprobs));
  if (!output.finish_reason) return false;
  finish_reason = *output.finish_reason;
  stop_reason = std::move(output.stop_reason);
  error = std::move(output.error);
  num_prompt_tokens = output.num_prompt_tokens;
  num_output_tokens = output.num_output_tokens;
  timings = output.timings;
  return true;
}

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
