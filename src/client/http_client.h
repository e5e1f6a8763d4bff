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
  std::string url;      ///< "http://host:8000", without a path of the API and a slash at its end
  std::string api_key;  ///< empty: none
};

/// Takes "/v1" and slashes off the end of what a user gives. Error: neither http nor https.
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

  /// `path`: "/v1/models". A body makes it a POST of JSON. With on_bytes the body of the response
  /// stays empty. Error: kIo without a response: no connection, a time-out, an end on the way;
  /// kCancelled if on_bytes said so.
  Result<HttpResponse> request(const std::string& path, const std::string* body = nullptr,
                               const OnBytes& on_bytes = {});
  /// Of a whole transfer; 0: none.
  void set_timeout(std::chrono::seconds timeout);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Finds the payloads in a stream of events.
class EventReader {
 public:
  /// Calls `event` with the data of each event that is complete now; comments are left out. False
  /// if `event` said so: then the rest is not looked at.
  bool push(std::string_view bytes, const std::function<bool(std::string_view data)>& event);

 private:
  std::string pending_;
};

}  // namespace ernie
