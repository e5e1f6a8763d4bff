#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "engine/token_stream.h"

namespace ernie {

/// What an EngineLoop's thread and a TokenStream share: the request until the engine has it, and
/// the one update that was not read yet.
class RequestChannel {
 public:
  RequestChannel(GenerationRequest request, Delivery delivery);

  /// Given by the queue, before another thread knows of the channel.
  void set_id(RequestId id) { id_ = id; }
  RequestId id() const { return id_; }
  int64_t num_prompt_tokens() const { return num_prompt_tokens_; }
  uint64_t client_id() const { return client_id_; }

  // The engine's side.

  /// Moves the request out, once. Its time in the queue ends here.
  GenerationRequest take_request();
  /// What the engine calls it, once it has it.
  void set_engine_id(RequestId id) { engine_id_ = id; }
  std::optional<RequestId> engine_id() const { return engine_id_; }
  /// Turns an update of the engine's into one of the loop's: its id, and times since it was queued.
  void complete(RequestOutput& output) const;
  /// Adds an update. True if the reader is to be woken.
  bool push(RequestOutput output);
  /// Ends it without the engine, unless it has ended. True if the reader is to be woken. Needs no
  /// memory. failure: what kError says.
  bool end(FinishReason reason, std::shared_ptr<const Error> failure) noexcept;
  void wake() noexcept;

  // The reader's side.

  /// See TokenStream.
  std::optional<RequestOutput> take(std::optional<std::chrono::nanoseconds> timeout);
  void wait_for_end(std::chrono::nanoseconds timeout);
  bool ended() const { return end_taken_; }
  /// Nobody will read: what comes is thrown away.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  bool is_readable() const;
  void set_end(FinishReason reason) noexcept;
  RequestOutput last_output();

  RequestId id_ = 0;
  const Delivery delivery_;
  const int64_t num_prompt_tokens_;
  const uint64_t client_id_;
  const Clock::time_point queued_ = Clock::now();

  // Used by the engine's thread alone.
  GenerationRequest request_;
  Clock::time_point entered_ = queued_;
  std::optional<RequestId> engine_id_;

  bool end_taken_ = false;  // used by the reader alone

  std::mutex mutex_;  // of all below
  std::condition_variable readable_;
  RequestOutput unread_;
  bool has_unread_ = false;
  bool is_closed_ = false;
  int64_t num_output_tokens_ = 0;
  std::optional<FinishReason> end_reason_;
  std::shared_ptr<const Error> failure_;
};

}  // namespace ernie
