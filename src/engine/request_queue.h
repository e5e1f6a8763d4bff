#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/request_channel.h"

namespace ernie {

/// The way from many clients to the thread of an engine: the requests that have not ended, and what
/// is wanted of them. Every function may be called from any thread, unless it says so.
///
/// Bounded: a client that is alone may have `capacity` unfinished requests, and another one at the
/// same time half as many, and so on: each as many as are left of twice the capacity. So nobody is
/// kept out by what another has asked for. The same holds for the tokens of their prompts.
class RequestQueue {
 public:
  using ChannelPtr = std::shared_ptr<RequestChannel>;

  /// Requests that one client may have unfinished, and the tokens of their prompts.
  RequestQueue(int64_t capacity, int64_t max_tokens) : capacity_{capacity, max_tokens} {}

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
  struct Load {
    int64_t num_requests = 0, num_tokens = 0;
  };
  using Loads = std::unordered_map<uint64_t, Load>;
  Result<void> check_room(const Loads& arriving) const;
  static void add_to(Load& load, const RequestChannel& channel);
  void subtract(const RequestChannel& channel) noexcept;

  const Load capacity_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable has_work_, has_emptied_;
  std::map<RequestId, Entry> unfinished_;
  Load load_;    // of the unfinished
  Loads loads_;  // by client
  RequestId last_id_ = 0, last_taken_ = 0;
  bool has_cancelled_ = false, is_stopped_ = false;
  std::shared_ptr<const Error> closed_by_;
};

}  // namespace ernie
