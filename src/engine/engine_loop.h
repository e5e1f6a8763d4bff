#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/request_queue.h"
#include "engine/token_stream.h"

namespace ernie {

/// What one step of the engine did.
struct StepRecord {
  std::chrono::steady_clock::time_point began, ended;  ///< of Engine::step() alone
  std::span<const RequestOutput> outputs;              ///< under the loop's request ids
};

struct EngineLoopOptions {
  /// Requests that a client may have unfinished beyond the max_num_seqs computed at once. 0: four
  /// for each of these. What several clients may have together: see RequestQueue.
  int64_t max_queued_requests = 0;
  /// Prompt tokens that a client's unfinished requests may have together: a bound of the memory and
  /// of the time that the last of them waits. One request of max_model_len tokens is always within.
  /// 0: so many that only max_queued_requests counts.
  int64_t max_queued_tokens = 0;
  /// Called on the engine's thread after each step, before its updates can be read: who has read an
  /// update may look at what this wrote. May call the loop, but not drain() or stop().
  std::function<void(const StepRecord&)> on_step;
};

/// A look at a loop from outside.
struct EngineLoopStatus {
  EngineCounters engine;          ///< after the last step
  int64_t num_unfinished = 0;     ///< accepted and not ended; those that do not run wait
  int64_t num_output_tokens = 0;  ///< of all requests so far
  double busy_s = 0;              ///< of the engine's thread, while there were requests
  double last_step_s = 0;         ///< what the last step took
  double current_step_s = 0;      ///< how long the one under way has taken; 0: there is none
};

/// An engine and the thread that works it, for clients in any threads. Steps while there are
/// requests, and sleeps otherwise. Requests that arrive between two steps are in the second one.
///
/// Every function may be called from any thread. Callbacks of requests
/// (GenerationRequest::on_token, Delivery::on_ready) and on_step are called on the engine's thread.
///
/// If the device is lost or the thread runs out of memory, all requests end as kError, health() and
/// submit() return that error from then on, and the engine is left alone.
class EngineLoop {
 public:
  /// Starts the thread. Error: there are no threads left.
  static Result<std::unique_ptr<EngineLoop>> create(std::unique_ptr<Engine> engine,
                                                    EngineLoopOptions options = {});
  /// stop()
  ~EngineLoop();
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

  const ModelConfig& config() const { return engine_->config(); }
  const EngineOptions& options() const { return engine_->options(); }
  const EngineLimits& limits() const { return limits_; }

  /// Queues a request. Error: what check_request() says; kQueueFull, also for too many
  /// prompt tokens; kShuttingDown after drain() or
  /// stop(); that of health().
  Result<TokenStream> submit(GenerationRequest request, Delivery delivery = {});
  /// The same for several at once: all begin in the same step, as far as there is room in it, or
  /// none is queued. The error names the first bad one by its index.
  Result<std::vector<TokenStream>> submit_all(std::vector<GenerationRequest> requests,
                                              const Delivery& delivery = {});
  /// As TokenStream::cancel(), without the stream. An id that is unknown or ended is ignored.
  void cancel(RequestId id) { queue_->cancel(id); }

  /// Refuses new requests and waits for the others. False if some are left after that time: they
  /// go on, until stop().
  bool drain(std::chrono::nanoseconds timeout);
  /// Refuses new requests, ends the others as kAbort after the step that is under way, and joins
  /// the thread.
  void stop();

  /// Error: the engine cannot go on.
  Result<void> health() const;
  EngineLoopStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;
  using ChannelPtr = RequestQueue::ChannelPtr;
  using ErrorPtr = std::shared_ptr<const Error>;
  struct Update {
    ChannelPtr channel;
    bool wakes = false;
  };

  EngineLoop(std::unique_ptr<Engine> engine, EngineLoopOptions options);
  Result<void> start();

  // On the engine's thread.
  void run() noexcept;
  void take(const RequestQueue::Work& work);
  bool step();
  void record(Clock::time_point began, Clock::time_point ended,
              std::span<const RequestOutput> outputs);
  void note_busy(Clock::duration time);
  void address(std::vector<RequestOutput>& outputs);
  void deliver(std::vector<RequestOutput> outputs);
  void set_failure(const ErrorPtr& error) noexcept;
  void end_all(FinishReason reason, const ErrorPtr& error) noexcept;

  const std::unique_ptr<Engine> engine_;
  const EngineLoopOptions options_;
  const EngineLimits limits_;
  // Made beforehand, to be there when there is no memory.
  const ErrorPtr shutting_down_, out_of_memory_;
  const std::shared_ptr<RequestQueue> queue_;

  // Used by the engine's thread alone.
  std::unordered_map<RequestId, ChannelPtr> channels_;  // by the engine's ids
  std::vector<Update> updates_;                         // of the step
  std::vector<RequestId> ended_;                        // in the step

  mutable std::mutex status_mutex_;
  EngineLoopStatus status_;
  Clock::time_point step_began_;
  ErrorPtr failure_;

  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace ernie
