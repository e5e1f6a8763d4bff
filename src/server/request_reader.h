#pragma once

/// Bytes to requests of HTTP/1.1, strictly and within limits. No I/O.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http_message.h"
#include "server/server.h"

namespace ernie {

/// A request that is no HTTP, or beyond a limit; the connection ends behind the reply.
struct HttpProblem {
  int status = 400;
  std::string message;
};

class RequestReader {
 public:
  explicit RequestReader(const HttpLimits& limits);
  ~RequestReader();

  enum class State { kHeader, kBody, kDone };
  State state() const;

  /// Takes bytes of one request; returns how many. Those behind it belong to the next one. A
  /// problem ends it.
  size_t feed(std::string_view bytes, std::optional<HttpProblem>& problem);

  /// From kBody on: all but the body.
  const HttpRequest& head() const { return request_; }
  /// Whether the client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;
  /// Any byte has come.
  bool has_begun() const { return has_begun_; }
  /// At kDone, once.
  HttpRequest take();

 private:
  std::optional<HttpProblem> check_head();

  struct Parser;
  const HttpLimits& limits_;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  bool has_begun_ = false;
};

}  // namespace ernie
