#include "server/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ernie {

std::string_view HttpRequest::header(std::string_view name) const {
  const auto it = std::ranges::find(headers, name, &HttpHeader::name);
  return it == headers.end() ? std::string_view() : std::string_view(it->value);
}

std::string_view http_reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

std::string http_head(const HttpReply& reply, int64_t content_length, bool is_http_1_0,
                      bool keep_alive) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, http_reason(reply.status));
  const auto out = std::back_inserter(head);
  if (!reply.content_type.empty()) fmt::format_to(out, "Content-Type: {}\r\n", reply.content_type);
  if (content_length >= 0) {
    fmt::format_to(out, "Content-Length: {}\r\n", content_length);
  } else if (!is_http_1_0) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  for (const HttpHeader& header : reply.headers) {
    fmt::format_to(out, "{}: {}\r\n", header.name, header.value);
  }
  if (!keep_alive) {
    head += "Connection: close\r\n";
  } else if (is_http_1_0) {
    head += "Connection: keep-alive\r\n";
  }
  return head + "\r\n";
}

}  // namespace ernie
