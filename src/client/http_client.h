#pragma once

/// Requests to a server over HTTP, one after the other on a connection that is kept.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ernie {

struct ServerAddress {
  std::string url;        ///< "http://host:8000", without a path of the API and a slash at its end
  std::string api_key;    ///< empty: none
  std::string ca_file;    ///< authorities of the server's certificate, PEM; empty: the system's
  bool insecure = false;  ///< any certificate will do
};

/// Takes "/v1" and slashes off the end of what a user gives. Error: neither http nor https, or with
/// a user's name or password in it, which would stand in every message.
Result<ServerAddress> parse_server_address(std::string url, std::string api_key);

struct HttpResponse {
  int status = 0;
  std::string body;
  double retry_after_s = -1;  ///< what the server asks for; below 0: nothing
};

/// One thread at a time.
class HttpClient {
 public:
  explicit HttpClient(ServerAddress address);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Called with the bytes of a body as they come, and the status; false ends the transfer.
  using OnBytes = std::function<bool(int status, std::string_view bytes)>;
  /// Longest body that is kept.
  static constexpr size_t kMaxBodyBytes = size_t{64} << 20;

  /// `path`: "/v1/models". A body makes it a POST of JSON. With on_bytes the body of the response
  /// stays empty. Error: kNotFound: no connection; kIo: a time-out, an end on the way, a body that
  /// is too long; kCancelled if on_bytes or the function of set_stop() said so.
  Result<HttpResponse> request(const std::string& path, const std::string* body = nullptr,
                               const OnBytes& on_bytes = {});
  /// Of a whole transfer; 0: none.
  void set_timeout(std::chrono::seconds timeout);
  /// Asked on the thread of request(), this often and whenever bytes come; true ends the transfer.
  void set_stop(std::function<bool()> stop, std::chrono::milliseconds interval);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Finds the payloads in a stream of events.
class EventReader {
 public:
  /// Longest line that is waited for.
  static constexpr size_t kMaxLineBytes = size_t{16} << 20;

  /// Calls `event` with the data of each event that is complete now; comments are left out. False
  /// if `event` said so, or a line is too long: then the rest is not looked at.
  bool push(std::string_view bytes, const std::function<bool(std::string_view data)>& event);

 private:
  std::string pending_;
};

}  // namespace ernie
