#pragma once

// An engine without a model, for tests of what is around one.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

#include "base/check.h"
#include "engine/engine.h"

namespace ernie {

/// Lets a test hold an engine's thread in the middle of a step.
class Gate {
 public:
  /// Lets so many steps through and returns when the last of them has passed.
  void let_pass(int64_t count) {
    std::unique_lock lock(mutex_);
    permits_ += count;
    const int64_t target = num_passed_ + permits_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return num_passed_ >= target; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  /// Waits until a step is being held.
  void wait_for_step() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return num_held_ > 0; });
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++num_held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_ || permits_ > 0; });
    --num_held_;
    if (!is_open_) --permits_;
    ++num_passed_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t permits_ = 0, num_passed_ = 0, num_held_ = 0;
  bool is_open_ = false;
};

/// What a test wants of a ScriptedEngine and sees of it. Outlives it.
struct Script {
  int64_t max_num_seqs = 4;
  int64_t max_model_len = 1 << 20;
  int64_t lost_at_step = -1;  ///< from this step on the device is lost
  int64_t memory_out_at_step = -1;
  bool refuses_requests = false;
  Gate* gate = nullptr;  ///< each step passes it before its tokens are there
  std::atomic<int64_t> num_added = 0, num_aborted = 0, num_polls = 0;
  std::atomic<int64_t> num_engines = 0;
};

/// The i-th token of an answer is prompt_ids[0] + i, so what is lost, doubled or mixed up is seen.
/// An answer has max_tokens of them. First come, first served.
class ScriptedEngine final : public Engine {
 public:
  static constexpr TokenId kVocabSize = 1 << 30;
  explicit ScriptedEngine(Script& script) : script_(script) {
    options_.max_model_len = script.max_model_len;
    options_.max_num_seqs = script.max_num_seqs;
    config_.vocab_size = kVocabSize;
    ++script_.num_engines;
  }
  ~ScriptedEngine() override { --script_.num_engines; }

  const ModelConfig& config() const override { return config_; }
  const EngineOptions& options() const override { return options_; }
  const Backend& backend() const override {
    ERNIE_CHECK(false, "there is no backend");
    std::abort();
  }
  EngineLimits limits() const override { return {kVocabSize, options_.max_model_len, false}; }
  EngineCounters counters() const override {
    const auto num_running = std::min<int64_t>(script_.max_num_seqs, std::ssize(running_));
    return {.num_steps = num_steps_, .num_running = num_running};
  }

  Result<RequestId> add_request(GenerationRequest request) override {
    if (script_.refuses_requests) return Error{ErrorCode::kUnsupported, "not today"};
    ++script_.num_added;
    running_.push_back({++last_id_, std::move(request)});
    return last_id_;
  }
  void abort(RequestId id) override {
    ++script_.num_aborted;
    for (Running& running : running_) running.aborted |= running.id == id;
  }
  bool has_unfinished() const override {
    ++script_.num_polls;
    return !running_.empty();
  }
  Result<void> health() const override {
    if (!is_lost_) return {};
    return Error{ErrorCode::kIo, "the device is lost"};
  }

  std::vector<RequestOutput> step() override {
    if (script_.gate != nullptr) script_.gate->pass();
    if (num_steps_ == script_.memory_out_at_step) throw std::bad_alloc();
    is_lost_ = is_lost_ || num_steps_ == script_.lost_at_step;
    ++num_steps_;
    std::vector<RequestOutput> outputs;
    int64_t num_computed = 0;
    for (Running& running : running_) {
      if (running.aborted) {
        outputs.push_back(finish(running, FinishReason::kAbort));
      } else if (is_lost_) {
        outputs.push_back(finish(running, FinishReason::kError));
      } else if (num_computed++ < script_.max_num_seqs) {
        outputs.push_back(advance(running));
      }
    }
    std::erase_if(running_, [](const Running& running) { return running.ended; });
    return outputs;
  }

 private:
  struct Running {
    RequestId id = 0;
    GenerationRequest request;
    int64_t num_output = 0;
    bool aborted = false, ended = false;
  };

  static RequestOutput advance(Running& running) {
    const auto token = static_cast<TokenId>(running.request.prompt_ids[0] + running.num_output++);
    if (running.request.on_token) running.request.on_token(token, {});
    RequestOutput output;
    if (running.num_output >= running.request.params.max_tokens) {
      output = finish(running, FinishReason::kLength);
    }
    output.request_id = running.id;
    output.token_ids = {token};
    output.text = std::to_string(token) + " ";
    return output;
  }
  static RequestOutput finish(Running& running, FinishReason reason) {
    RequestOutput output;
    running.ended = true;
    output.request_id = running.id;
    output.finish_reason = reason;
    if (reason == FinishReason::kError) output.error = "the device is lost";
    output.num_prompt_tokens = static_cast<int64_t>(running.request.prompt_ids.size());
    output.num_output_tokens = running.num_output;
    output.num_cached_tokens = 1;
    output.timings = {0.001, running.num_output > 0 ? 0.002 : 0, 0.003};
    return output;
  }

  Script& script_;
  EngineOptions options_;
  ModelConfig config_;
  std::deque<Running> running_;
  RequestId last_id_ = 1000;  // not the loop's ids
  int64_t num_steps_ = 0;
  bool is_lost_ = false;
};

}  // namespace ernie
