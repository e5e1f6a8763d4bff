#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "engine/request.h"

namespace ernie {

class RequestChannel;
class RequestQueue;

/// How the updates of a request reach its reader.
struct Delivery {
  /// Nothing can be read before the request has ended, then all of it as one update. For a reader
  /// of many requests that does nothing with the beginning of an answer.
  bool whole = false;
  /// Called when something can be read and nothing could before: once, until the reader has taken
  /// it. On the engine's thread, after all updates of a step can be read. Must return soon and not
  /// throw. It may run once more when the stream is just gone, so what it uses must live by itself,
  /// and not own the stream.
  std::function<void(RequestId)> on_ready;
};

/// The answer to one request, as it comes. What was not read yet is one update, however many steps
/// it took, so a slow reader costs no more memory than the answer has and never holds up the
/// engine. Dropping the stream cancels the request. It may outlive the EngineLoop, which ends it.
///
/// One thread at a time uses a stream; different ones are independent.
class TokenStream {
 public:
  TokenStream(TokenStream&&) noexcept = default;
  TokenStream& operator=(TokenStream&& other) noexcept;
  ~TokenStream();

  RequestId id() const;

  /// Takes what came since the last call; waits for it. Nothing once ended().
  std::optional<RequestOutput> next();
  /// The same, but also nothing if nothing came within this time.
  std::optional<RequestOutput> next_for(std::chrono::nanoseconds timeout);
  /// The same without waiting.
  std::optional<RequestOutput> try_next() { return next_for(std::chrono::nanoseconds(0)); }

  /// Waits this long, or until the request has ended, and takes nothing. For a reader that would
  /// rather have a few tokens at a time than wake up for each.
  void wait_for_end(std::chrono::nanoseconds timeout);

  /// Whether the last update, the one with a finish reason, was taken.
  bool ended() const;

  /// Asks for the end: the last update says kAbort, unless the request ended by itself before. It
  /// comes after the step that is under way. Does not wait; once is enough.
  void cancel();

 private:
  friend class EngineLoop;
  TokenStream(std::shared_ptr<RequestQueue> queue, std::shared_ptr<RequestChannel> channel);
  void drop();

  std::shared_ptr<RequestQueue> queue_;
  std::shared_ptr<RequestChannel> channel_;  // null after a move
};

}  // namespace ernie
