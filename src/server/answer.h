#pragma once

/// What a route gives back: a reply, or an answer that comes in pieces.

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "server/http_message.h"

namespace ernie {

/// Tells a connection that its answer has something for it. Any thread may call it, also when the
/// connection is gone.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() noexcept = 0;
};

/// An answer that a connection takes piece by piece, each when the one before it has been written:
/// a slow client never costs more than one piece beside what the engine has for it. Dropping it
/// cancels what is being computed. One thread at a time.
class Answer {
 public:
  virtual ~Answer() = default;

  struct Piece {
    std::string bytes;
    bool is_last = false;
  };
  /// Whether the answer is a stream of events, whose head is sent at once. Otherwise head() counts
  /// once a piece is there.
  virtual bool is_event_stream() const = 0;
  /// Status and headers; its body is not used.
  virtual HttpReply head() const = 0;
  /// The next piece, or nothing yet: then the Waker will be called.
  virtual std::optional<Piece> next() = 0;
};

using Reply = std::variant<HttpReply, std::unique_ptr<Answer>>;

}  // namespace ernie
