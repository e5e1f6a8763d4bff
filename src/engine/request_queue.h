#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/request_channel.h"

namespace ernie {

/// The way from many clients to the thread of an engine: the requests that have not ended, and what
/// is wanted of them. Bounded. Every function may be called from any thread, unless it says so.
class RequestQueue {
 public:
  using ChannelPtr = std::shared_ptr<RequestChannel>;

  /// Requests that may be unfinished at a time, and the tokens of their prompts.
  RequestQueue(size_t capacity, int64_t max_tokens)
      : capacity_(capacity), max_tokens_(max_tokens) {}

  /// Takes all in, in their order, and gives them ids; or none: kQueueFull, or why it is closed.
  Result<void> push(const std::vector<ChannelPtr>& channels);
  /// An id that is unknown, or whose request has ended, is ignored.
  void cancel(RequestId id) noexcept;

  /// Refuses what comes from now on with this error; the first one counts. What is there stays.
  void close(std::shared_ptr<const Error> why) noexcept;
  /// True if no request is left within the time.
  bool wait_until_empty(std::chrono::nanoseconds timeout);
  size_t num_unfinished() const;

  // For the engine's thread.

  /// What came since the last call.
  struct Work {
    std::vector<ChannelPtr> arrived;
    std::vector<ChannelPtr> cancelled;  ///< each once; may have arrived just now
  };
  /// Sleeps until there is something, unless the engine is busy. Nothing after stop().
  std::optional<Work> wait(bool is_busy);
  void stop();
  /// Makes room: these have ended. The caller has their channels: what a channel's callbacks hold
  /// must not be destroyed under the lock.
  void remove(std::span<const RequestId> ended) noexcept;

  struct Entry {
    ChannelPtr channel;
    enum { kWanted, kCancelled, kCancelTaken } state = kWanted;
  };
  /// All that have not ended. Leaves the queue empty.
  std::map<RequestId, Entry> take_all() noexcept;

 private:
  Result<void> check_room(size_t num_requests, int64_t num_tokens) const;

  const size_t capacity_;
  const int64_t max_tokens_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable has_work_, has_emptied_;
  std::map<RequestId, Entry> unfinished_;
  int64_t num_tokens_ = 0;  // of the unfinished
  RequestId last_id_ = 0, last_taken_ = 0;
  bool has_cancelled_ = false, is_stopped_ = false;
  std::shared_ptr<const Error> closed_by_;
};

}  // namespace ernie
