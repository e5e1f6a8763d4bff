#include "server/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>

namespace ernie {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_host(std::string_view host) {
  return std::ranges::none_of(host, [](char c) {
    return c <= ' ' || c > '~' || c == '/' || c == '?' || c == '#' || c == '@' || c == '\\';
  });
}

bool is_target(std::string_view target) {
  return target.starts_with('/') &&
         std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f; });
}

HttpProblem problem_of(const error_code& error, const HttpLimits& limits) {
  if (error == http::error::header_limit) {
    return {431, fmt::format("header: expected at most {} bytes", limits.max_header_bytes)};
  }
  if (error == http::error::body_limit) {
    return {413, fmt::format("body: expected at most {} bytes", limits.max_body_bytes)};
  }
  return {400, fmt::format("HTTP: {}", error.message())};
}

/// Bare line feeds in a header, which the parser would take for line ends or parts of values.
bool has_bare_line_feed(std::string_view bytes, char before) {
  for (const char byte : bytes) {
    if (byte == '\n' && before != '\r') return true;
    before = byte;
  }
  return false;
}

/// What the parser waits behind although nothing is missing: an extension of a chunk whose quotes
/// do not end in its line. It would wait for as long as bytes come, and count the chunk's size
/// against the limit of the body anew with each of them.
bool is_stuck_in_chunk(std::string_view pending) {
  if (pending.starts_with("\r\n")) pending.remove_prefix(2);  // the end of the chunk before
  const size_t line_end = pending.find("\r\n");
  if (line_end == std::string_view::npos) return false;
  const std::string_view digits = pending.substr(pending.find_first_not_of('0'));
  const bool is_last = digits.empty() || std::isxdigit(static_cast<unsigned char>(digits[0])) == 0;
  return !is_last || pending.find("\r\n\r\n") != std::string_view::npos;  // trailers may follow
}

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> http;
  std::string pending;  // of the header: the parser wants it whole
};

RequestReader::RequestReader(const HttpLimits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>()) {
  parser_->http.header_limit(static_cast<uint32_t>(limits.max_header_bytes));
  parser_->http.body_limit(limits.max_body_bytes);
  parser_->http.eager(false);
}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::state() const {
  if (!parser_->http.is_header_done()) return State::kHeader;
  return parser_->http.is_done() ? State::kDone : State::kBody;
}

size_t RequestReader::feed(std::string_view bytes, std::optional<HttpProblem>& problem) {
  Parser& parser = *parser_;
  if (bytes.empty()) return 0;
  // Empty lines before a request are allowed, and no request.
  size_t skipped = 0;
  if (!has_begun_) {
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) return skipped;
  }
  has_begun_ = true;
  error_code error;
  const auto fail = [&](const error_code& what) { problem = problem_of(what, limits_); };
  if (state() == State::kHeader) {
    const size_t had = parser.pending.size();
    const char before = had == 0 ? '\0' : parser.pending.back();
    parser.pending += bytes;
    const size_t end = parser.pending.find("\r\n\r\n", had < 3 ? 0 : had - 3);
    const size_t header_size = std::min(end, parser.pending.size());
    const auto fresh = std::string_view(parser.pending).substr(std::min(had, header_size));
    if (has_bare_line_feed(fresh.substr(0, header_size - std::min(had, header_size)), before)) {
      problem = HttpProblem{400, "HTTP: a line of the header does not end with CR LF"};
      return bytes.size();
    }
    if (end == std::string::npos) {
      if (parser.pending.size() > limits_.max_header_bytes) fail(http::error::header_limit);
      return skipped + bytes.size();
    }
    const size_t whole = end + 4;
    parser.http.put(boost::asio::buffer(parser.pending.data(), whole), error);
    if (error && error != http::error::need_more) {
      fail(error);
      return skipped + bytes.size();
    }
    const size_t used = whole - had;
    parser.pending.clear();
    parser.http.eager(true);
    if (!parser.http.is_header_done()) {
      problem = HttpProblem{400, "HTTP: the header cannot be read"};
    } else if (auto wrong = check_head()) {
      problem = std::move(wrong);
    }
    return skipped + used;
  }
  // A chunked body's framing may need more than one look at the same bytes.
  parser.pending += bytes;
  size_t used = 0;
  while (used < parser.pending.size() && !parser.http.is_done()) {
    const size_t taken = parser.http.put(
        boost::asio::buffer(parser.pending.data() + used, parser.pending.size() - used), error);
    used += taken;
    if (error == http::error::need_more) break;
    if (error) {
      fail(error);
      return skipped + bytes.size();
    }
    if (taken == 0) break;
  }
  const size_t left = parser.pending.size() - used;
  if (parser.http.is_done()) {
    parser.pending.clear();
    return skipped + bytes.size() - left;
  }
  parser.pending.erase(0, used);
  if (parser.pending.size() > limits_.max_header_bytes || is_stuck_in_chunk(parser.pending)) {
    problem = HttpProblem{400, "HTTP: a chunk of the body cannot be read"};
  }
  return skipped + bytes.size();
}

std::optional<HttpProblem> RequestReader::check_head() {
  const auto& message = parser_->http.get();
  const std::string_view target = view(message.target());
  if (target.size() > limits_.max_target_bytes) {
    return HttpProblem{414, fmt::format("target: got {} bytes, expected at most {}", target.size(),
                                        limits_.max_target_bytes)};
  }
  if (!is_target(target)) {
    return HttpProblem{400, "target: expected a path of printable ASCII characters"};
  }
  if (message.version() != 10 && message.version() != 11) {
    return HttpProblem{400, "HTTP: expected version 1.0 or 1.1"};
  }
  request_.method = std::string(view(message.method_string()));
  request_.path = std::string(target.substr(0, target.find('?')));
  request_.is_http_1_0 = message.version() == 10;
  request_.keep_alive = message.keep_alive();
  size_t num_hosts = 0, num_lengths = 0, num_encodings = 0;
  for (const auto& field : message) {
    request_.headers.push_back(
        {lower(view(field.name_string())), std::string(view(field.value()))});
    const HttpHeader& header = request_.headers.back();
    num_hosts += header.name == "host";
    num_lengths += header.name == "content-length";
    num_encodings += header.name == "transfer-encoding";
    const bool has_control = std::ranges::any_of(header.value, [](char c) {
      return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
    });
    if (has_control) return HttpProblem{400, "header: a value holds a control character"};
  }
  if (request_.headers.size() > limits_.max_headers) {
    return HttpProblem{431, fmt::format("header: got {} fields, expected at most {}",
                                        request_.headers.size(), limits_.max_headers)};
  }
  if (num_hosts > 1 || (num_hosts == 0 && !request_.is_http_1_0) ||
      !is_host(request_.header("host"))) {
    return HttpProblem{400, "Host: expected it once, as a name and a port"};
  }
  if (num_lengths > 1 || num_encodings > 1 || (num_lengths == 1 && num_encodings == 1)) {
    return HttpProblem{400, "expected one Content-Length or one Transfer-Encoding"};
  }
  const std::string_view length = request_.header("content-length");
  const bool is_number = std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; });
  if (num_lengths == 1 && (length.empty() || !is_number)) {
    return HttpProblem{400, "Content-Length: expected a number"};
  }
  if (num_encodings == 1 &&
      (lower(request_.header("transfer-encoding")) != "chunked" || request_.is_http_1_0)) {
    return HttpProblem{400, "Transfer-Encoding: expected chunked"};
  }
  return std::nullopt;
}

bool RequestReader::expects_continue() const {
  return lower(request_.header("expect")) == "100-continue";
}

HttpRequest RequestReader::take() {
  request_.body = std::move(parser_->http.get().body());
  return std::move(request_);
}

}  // namespace ernie
