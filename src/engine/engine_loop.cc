#include "engine/engine_loop.h"

#include <algorithm>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace ernie {
namespace {

constexpr int64_t kQueuedPerSequence = 4;

int64_t queue_capacity(const Engine& engine, const EngineLoopOptions& options) {
  const int64_t num_seqs = engine.options().max_num_seqs;
  const int64_t queued = options.max_queued_requests;
  return num_seqs + (queued > 0 ? queued : kQueuedPerSequence * num_seqs);
}

int64_t queue_tokens(const Engine& engine, const EngineLoopOptions& options) {
  if (options.max_queued_tokens == 0) return std::numeric_limits<int64_t>::max();
  return std::max(options.max_queued_tokens, engine.options().max_model_len);
}

std::shared_ptr<const Error> shared_error(ErrorCode code, std::string message) {
  return std::make_shared<const Error>(Error{code, std::move(message)});
}

}  // namespace

Result<std::unique_ptr<EngineLoop>> EngineLoop::create(std::unique_ptr<Engine> engine,
                                                       EngineLoopOptions options) {
  std::unique_ptr<EngineLoop> loop(new EngineLoop(std::move(engine), std::move(options)));
  ERNIE_TRY_VOID(loop->start());
  return loop;
}

EngineLoop::EngineLoop(std::unique_ptr<Engine> engine, EngineLoopOptions options)
    : engine_(std::move(engine)),
      options_(std::move(options)),
      limits_(engine_->limits()),
      shutting_down_(shared_error(ErrorCode::kShuttingDown, "the engine is shutting down")),
      out_of_memory_(shared_error(ErrorCode::kOutOfMemory, "out of memory in the engine's thread")),
      queue_(std::make_shared<RequestQueue>(queue_capacity(*engine_, options_),
                                            queue_tokens(*engine_, options_))) {}

Result<void> EngineLoop::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return make_error(ErrorCode::kIo, "cannot start the engine's thread: {}", error.what());
  }
  return {};
}

EngineLoop::~EngineLoop() { stop(); }

Result<TokenStream> EngineLoop::submit(GenerationRequest request, Delivery delivery) {
  ERNIE_TRY_VOID(check_request(request, limits_));
  auto channel = std::make_shared<RequestChannel>(std::move(request), std::move(delivery));
  ERNIE_TRY_VOID(queue_->push({channel}));
  return TokenStream(queue_, std::move(channel));
}

Result<std::vector<TokenStream>> EngineLoop::submit_all(std::vector<GenerationRequest> requests,
                                                        const Delivery& delivery) {
  std::vector<ChannelPtr> channels;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (const auto checked = check_request(requests[i], limits_); !checked) {
      return make_error(checked.error().code, "request {}: {}", i + 1, checked.error().message);
    }
    channels.push_back(std::make_shared<RequestChannel>(std::move(requests[i]), delivery));
  }
  std::vector<TokenStream> streams;
  streams.reserve(channels.size());
  ERNIE_TRY_VOID(queue_->push(channels));
  for (ChannelPtr& channel : channels) streams.push_back(TokenStream(queue_, std::move(channel)));
  return streams;
}

bool EngineLoop::drain(std::chrono::nanoseconds timeout) {
  queue_->close(shutting_down_);
  return queue_->wait_until_empty(timeout);
}

void EngineLoop::stop() {
  queue_->close(shutting_down_);
  queue_->stop();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

Result<void> EngineLoop::health() const {
  const std::lock_guard lock(status_mutex_);
  return failure_ == nullptr ? Result<void>() : *failure_;
}

EngineLoopStatus EngineLoop::status() const {
  const auto num_unfinished = static_cast<int64_t>(queue_->num_unfinished());
  const std::lock_guard lock(status_mutex_);
  EngineLoopStatus status = status_;
  status.num_unfinished = num_unfinished;
  if (step_began_ != Clock::time_point()) {
    status.current_step_s = std::chrono::duration<double>(Clock::now() - step_began_).count();
  }
  return status;
}

void EngineLoop::run() noexcept {
  try {
    Clock::time_point last = Clock::now();
    while (true) {
      const bool was_busy = engine_->has_unfinished();
      const auto work = queue_->wait(was_busy);
      if (!work) break;
      if (!was_busy) last = Clock::now();
      take(*work);
      if (engine_->has_unfinished() && !step()) return;
      const auto now = Clock::now();
      note_busy(now - std::exchange(last, now));
    }
    for (const auto& [id, channel] : channels_) engine_->abort(id);
    if (engine_->has_unfinished() && !step()) return;  // nothing is computed, but counted and timed
    end_all(FinishReason::kAbort, nullptr);
  } catch (const std::bad_alloc&) {
    set_failure(out_of_memory_);
    // The last step's may have left the queue, but not reached their readers.
    for (const Update& update : updates_) {
      if (update.channel->end(FinishReason::kError, out_of_memory_)) update.channel->wake();
    }
    end_all(FinishReason::kError, out_of_memory_);
  }
}

void EngineLoop::take(const RequestQueue::Work& work) {
  for (const ChannelPtr& channel : work.arrived) {
    const auto id = engine_->add_request(channel->take_request());
    if (id) {
      channel->set_engine_id(*id);
      channels_.emplace(*id, channel);
      continue;
    }
    const RequestId ended[] = {channel->id()};
    queue_->remove(ended);
    if (channel->end(FinishReason::kError, std::make_shared<const Error>(id.error()))) {
      channel->wake();
    }
  }
  for (const ChannelPtr& channel : work.cancelled) {
    if (channel->engine_id()) engine_->abort(*channel->engine_id());
  }
}

/// False if the engine cannot go on; then all requests have ended.
bool EngineLoop::step() {
  const auto began = Clock::now();
  {
    const std::lock_guard lock(status_mutex_);
    step_began_ = began;
  }
  std::vector<RequestOutput> outputs = engine_->step();
  const auto ended = Clock::now();
  address(outputs);
  const auto health = engine_->health();
  const ErrorPtr failure = health ? nullptr : std::make_shared<const Error>(health.error());
  // Before any request ends because of it: who sees such an end can ask why.
  if (failure != nullptr) set_failure(failure);
  record(began, ended, outputs);
  if (options_.on_step) options_.on_step({began, ended, outputs});
  deliver(std::move(outputs));
  if (failure != nullptr) end_all(FinishReason::kError, failure);
  return failure == nullptr;
}

/// Finds the channel of each output and brings the output to the loop's ids and times.
void EngineLoop::address(std::vector<RequestOutput>& outputs) {
  for (RequestOutput& output : outputs) {
    const auto found = channels_.find(output.request_id);
    ERNIE_CHECK(found != channels_.end(), "output of request {}", output.request_id);
    updates_.push_back({found->second});
    if (output.finish_reason) channels_.erase(found);
    updates_.back().channel->complete(output);
  }
}

void EngineLoop::record(Clock::time_point began, Clock::time_point ended,
                        std::span<const RequestOutput> outputs) {
  const EngineCounters counters = engine_->counters();
  const std::lock_guard lock(status_mutex_);
  status_.engine = counters;
  for (const RequestOutput& output : outputs) {
    status_.num_output_tokens += static_cast<int64_t>(output.token_ids.size());
  }
  status_.last_step_s = std::chrono::duration<double>(ended - began).count();
  step_began_ = {};
}

void EngineLoop::note_busy(Clock::duration time) {
  const std::lock_guard lock(status_mutex_);
  status_.busy_s += std::chrono::duration<double>(time).count();
}

void EngineLoop::deliver(std::vector<RequestOutput> outputs) {
  ended_.clear();
  for (const RequestOutput& output : outputs) {
    if (output.finish_reason) ended_.push_back(output.request_id);
  }
  // Before the readers know: who has read an end may submit the next request.
  if (!ended_.empty()) queue_->remove(ended_);
  for (size_t i = 0; i < outputs.size(); ++i) {
    updates_[i].wakes = updates_[i].channel->push(std::move(outputs[i]));
  }
  // Readers that run while others are still served would fight for the processors.
  for (const Update& update : updates_) {
    if (update.wakes) update.channel->wake();
  }
  updates_.clear();
}

void EngineLoop::set_failure(const ErrorPtr& error) noexcept {
  queue_->close(error);
  const std::lock_guard lock(status_mutex_);
  failure_ = error;
}

/// Ends what the queue still has.
void EngineLoop::end_all(FinishReason reason, const ErrorPtr& error) noexcept {
  for (const auto& [id, entry] : queue_->take_all()) {
    if (entry.channel->end(reason, error)) entry.channel->wake();
  }
}

}  // namespace ernie
