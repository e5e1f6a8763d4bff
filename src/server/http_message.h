#pragma once

/// A request and a reply of HTTP, without the library that reads and writes them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

struct HttpHeader {
  std::string name;  ///< of a request: in lower case
  std::string value;
};

struct HttpRequest {
  std::string method;  ///< "GET", "POST", …
  std::string path;    ///< of the target, without its query
  std::vector<HttpHeader> headers;
  std::string body;
  std::string peer;  ///< the client's address without its port; empty for a Unix socket
  bool is_http_1_0 = false;
  bool keep_alive = true;

  /// Empty if there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<HttpHeader> headers = {};
  bool closes = false;  ///< the connection ends with it
};

/// "Not Found"; "" for a status that no route sends.
std::string_view http_reason(int status);

/// The lines before a body, the empty one included. `content_length` below 0: the body comes in
/// chunks, or ends with the connection if the client speaks HTTP/1.0.
std::string http_head(const HttpReply& reply, int64_t content_length, bool is_http_1_0,
                      bool keep_alive);

}  // namespace ernie
