#include "server/connection.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/replies.h"
#include "server/request_reader.h"

namespace ernie {
namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kLightBodyBytes = 32 << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr auto kHangUpPoll = std::chrono::milliseconds(250);
constexpr int64_t kSlowestBodyBytesPerSecond = 1024;
constexpr auto kLongestBody = std::chrono::minutes(10);

/// Whether handling a request takes no longer than a few tokens do: those that take longer would
/// hold up the other connections of an I/O thread.
bool is_light(const HttpRequest& request) {
  if (request.body.size() > kLightBodyBytes) return false;
  for (const char* word : {"schema", "regex", "grammar", "structured_outputs", "choice", "tools",
                           "return_receipt", "guided"}) {
    if (request.body.find(word) != std::string::npos) return false;
  }
  return true;
}

/// The client has closed, or at least will send no more. Also while there are unread bytes.
bool has_hung_up(int descriptor) {
  pollfd poll{descriptor, POLLRDHUP, 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string chunk_of(const std::string& bytes, bool is_http_1_0) {
  if (is_http_1_0) return bytes;
  std::string chunk = fmt::format("{:x}\r\n", bytes.size());
  chunk += bytes;
  chunk += "\r\n";
  return chunk;
}

/// Counts while it lives.
class UnderWay {
 public:
  explicit UnderWay(std::atomic<int64_t>& count) : count_(count) { ++count_; }
  ~UnderWay() { --count_; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  std::atomic<int64_t>& count_;
};

// In the coroutines below what is awaited has no temporaries of class types and takes none by
// value: GCC 12 destroys some of them twice.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::unique_ptr<Transport> transport, Strand strand, std::string peer,
             ConnectionContext& context)
      : transport_(std::move(transport)),
        strand_(std::move(strand)),
        peer_(std::move(peer)),
        context_(context),
        limits_(context.options.limits),
        deadline_(strand_),
        news_(strand_) {
    ++context_.num_connections;
  }
  ~Connection() { --context_.num_connections; }

  asio::awaitable<void> run();
  void on_wake() {
    is_woken_ = true;
    news_.cancel();
  }

 private:
  /// Posts to the connection's strand, once until that has run.
  class ConnectionWaker final : public Waker {
   public:
    ConnectionWaker(Strand strand, std::weak_ptr<Connection> connection)
        : strand_(std::move(strand)), connection_(std::move(connection)) {}
    void wake() noexcept override {
      if (is_posted_->exchange(true)) return;
      asio::post(strand_, [posted = is_posted_, weak = connection_] {
        *posted = false;
        if (const auto connection = weak.lock()) connection->on_wake();
      });
    }

   private:
    Strand strand_;
    std::weak_ptr<Connection> connection_;
    std::shared_ptr<std::atomic<bool>> is_posted_ = std::make_shared<std::atomic<bool>>(false);
  };

  void set_deadline(Clock::duration time);
  asio::awaitable<void> read_request(std::optional<HttpRequest>& request);
  asio::awaitable<bool> fill_buffer();
  asio::awaitable<void> refuse(const HttpProblem& problem);
  asio::awaitable<void> handle(const HttpRequest& request, Reply& reply);
  asio::awaitable<bool> send(const HttpRequest& request, HttpReply& reply);
  asio::awaitable<bool> send_answer(const HttpRequest& request, Answer& answer);
  asio::awaitable<bool> write(std::string_view bytes);
  asio::awaitable<bool> send_pieces(const HttpRequest& request, Answer& answer);
  asio::awaitable<bool> wait_for_news(bool may_ping, bool& is_time_to_ping);
  asio::awaitable<void> watch_for_hang_up(std::shared_ptr<asio::steady_timer> pause,
                                          std::shared_ptr<bool> is_over);
  bool keeps_alive(const HttpRequest& request, const HttpReply& reply) const {
    return request.keep_alive && !reply.closes && !context_.is_closing;
  }

  const std::unique_ptr<Transport> transport_;
  const Strand strand_;
  const std::string peer_;
  ConnectionContext& context_;
  const HttpLimits& limits_;
  asio::steady_timer deadline_, news_;
  bool is_woken_ = false, has_hung_up_ = false, is_late_ = false;
  std::array<char, kReadBytes> read_buffer_;
  std::string_view unread_;  // of read_buffer_
};

void Connection::set_deadline(Clock::duration time) {
  is_late_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait(asio::bind_executor(strand_, [weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->deadline_.expiry() > Clock::now()) return;
    self->is_late_ = true;
    error_code ignored;
    self->transport_->socket().cancel(ignored);
  }));
}

asio::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  set_deadline(limits_.header_timeout);
  if (co_await transport_->handshake()) co_return;
  bool goes_on = true;
  while (goes_on && !context_.is_closing) {
    std::optional<HttpRequest> request;
    co_await read_request(request);
    if (!request) break;
    const UnderWay under_way(context_.num_under_way);
    Reply reply;
    co_await handle(*request, reply);
    if (auto* whole = std::get_if<HttpReply>(&reply)) {
      goes_on = co_await send(*request, *whole);
    } else {
      goes_on = co_await send_answer(*request, *std::get<1>(reply));
    }
  }
  if (!has_hung_up_ && !is_late_) {
    set_deadline(std::chrono::seconds(2));
    co_await transport_->shutdown();
    // What the client still sends is read for a moment: closing with unread bytes would destroy the
    // reply on its way.
    size_t drained = 0;
    while (drained < limits_.max_body_bytes && co_await fill_buffer()) {
      drained += unread_.size();
      unread_ = {};
    }
  }
  deadline_.cancel();
  error_code ignored;
  transport_->socket().close(ignored);
}

/// Sets nothing if the connection has ended or is to end.
asio::awaitable<void> Connection::read_request(std::optional<HttpRequest>& request) {
  RequestReader reader(limits_);
  Clock::time_point body_began;
  int64_t body_bytes = 0;
  if (unread_.empty()) set_deadline(limits_.keep_alive_timeout);
  bool in_header = false;
  while (reader.state() != RequestReader::State::kDone) {
    if (unread_.empty()) {
      if (reader.state() == RequestReader::State::kBody) {
        const auto earned = std::chrono::seconds(body_bytes / kSlowestBodyBytesPerSecond);
        const auto left = std::min<Clock::duration>(limits_.body_timeout + earned, kLongestBody) -
                          (Clock::now() - body_began);
        set_deadline(std::max<Clock::duration>(left, std::chrono::milliseconds(1)));
      }
      if (!co_await fill_buffer()) {
        if (is_late_ && reader.has_begun()) {
          const HttpProblem late{408, "the request took too long"};
          co_await refuse(late);
        }
        co_return;
      }
    }
    if (!in_header) {
      in_header = true;
      set_deadline(limits_.header_timeout);
    }
    const bool was_in_header = reader.state() == RequestReader::State::kHeader;
    std::optional<HttpProblem> problem;
    const size_t used = reader.feed(unread_, problem);
    unread_.remove_prefix(used);
    if (problem) {
      co_await refuse(*problem);
      co_return;
    }
    if (reader.state() == RequestReader::State::kHeader) continue;
    if (was_in_header) {
      body_began = Clock::now();
      if (reader.state() == RequestReader::State::kBody && reader.expects_continue() &&
          !co_await write(kContinue)) {
        co_return;
      }
    } else {
      body_bytes += static_cast<int64_t>(used);
    }
  }
  request = reader.take();
  request->peer = peer_;
}

asio::awaitable<bool> Connection::fill_buffer() {
  error_code error;
  const size_t size = co_await transport_->read_some(asio::buffer(read_buffer_), error);
  unread_ = {read_buffer_.data(), size};
  if (error && !is_late_) has_hung_up_ = true;
  co_return !error && size > 0;
}

asio::awaitable<void> Connection::refuse(const HttpProblem& problem) {
  is_late_ = false;
  HttpRequest nothing;
  nothing.keep_alive = false;
  const Error error{ErrorCode::kInvalidArgument, problem.message, ""};
  HttpReply reply = error_reply(problem.status, error);
  co_await send(nothing, reply);
}

asio::awaitable<void> Connection::handle(const HttpRequest& request, Reply& reply) {
  auto waker = std::make_shared<ConnectionWaker>(strand_, weak_from_this());
  if (is_light(request)) {
    reply = dispatch(request, context_, std::move(waker));
    co_return;
  }
  co_await asio::post(asio::bind_executor(context_.workers.get_executor(), asio::use_awaitable));
  reply = dispatch(request, context_, std::move(waker));
  co_await asio::post(asio::bind_executor(strand_, asio::use_awaitable));
}

/// False if the connection ends here, as in the functions below.
asio::awaitable<bool> Connection::send(const HttpRequest& request, HttpReply& reply) {
  add_cors_headers(context_.options.cors, request, reply);
  const bool goes_on = keeps_alive(request, reply);
  std::string bytes =
      http_head(reply, static_cast<int64_t>(reply.body.size()), request.is_http_1_0, goes_on);
  if (request.method != "HEAD") bytes += reply.body;
  co_return co_await write(bytes) && goes_on;
}

asio::awaitable<bool> Connection::write(std::string_view bytes) {
  set_deadline(limits_.write_timeout);
  const error_code error = co_await transport_->write(asio::buffer(bytes));
  if (error) has_hung_up_ = true;
  deadline_.cancel();
  co_return !error;
}

asio::awaitable<bool> Connection::send_answer(const HttpRequest& request, Answer& answer) {
  deadline_.cancel();
  auto pause = std::make_shared<asio::steady_timer>(strand_);
  auto is_over = std::make_shared<bool>(false);
  asio::co_spawn(strand_, watch_for_hang_up(pause, is_over), asio::detached);
  const bool goes_on = co_await send_pieces(request, answer);
  *is_over = true;
  pause->cancel();
  error_code ignored;
  transport_->socket().cancel(ignored);
  co_return goes_on;
}

asio::awaitable<bool> Connection::send_pieces(const HttpRequest& request, Answer& answer) {
  bool has_head = false, goes_on = true;
  while (true) {
    is_woken_ = false;
    auto piece = answer.next();
    if (!piece) {
      bool is_time_to_ping = false;
      const bool may_ping = answer.is_event_stream() && has_head;
      if (!co_await wait_for_news(may_ping, is_time_to_ping)) co_return false;
      if (is_time_to_ping) {
        const std::string ping = chunk_of(": ping\n\n", request.is_http_1_0);
        if (!co_await write(ping)) co_return false;
      }
      continue;
    }
    std::string bytes;
    const bool is_whole = piece->is_last && !has_head && !answer.is_event_stream();
    if (!has_head) {
      has_head = true;
      HttpReply head = answer.head();
      add_cors_headers(context_.options.cors, request, head);
      if (request.is_http_1_0 && !is_whole) head.closes = true;
      goes_on = keeps_alive(request, head);
      bytes = http_head(head, is_whole ? static_cast<int64_t>(piece->bytes.size()) : -1,
                        request.is_http_1_0, goes_on);
    }
    if (is_whole) {
      bytes += piece->bytes;
    } else {
      if (!piece->bytes.empty()) bytes += chunk_of(piece->bytes, request.is_http_1_0);
      if (piece->is_last && !request.is_http_1_0) bytes += "0\r\n\r\n";
    }
    if (!co_await write(bytes)) co_return false;
    if (piece->is_last) co_return goes_on;
  }
}

/// False if the client is gone.
asio::awaitable<bool> Connection::wait_for_news(bool may_ping, bool& is_time_to_ping) {
  if (!is_woken_ && !has_hung_up_) {
    news_.expires_after(may_ping ? Clock::duration(limits_.ping_interval)
                                 : Clock::duration(std::chrono::hours(24)));
    const auto [error] = co_await news_.async_wait(kTuple);
    is_time_to_ping = may_ping && !error && !is_woken_;
  }
  co_return !has_hung_up_;
}

/// Bytes that a client sends ahead do not hide that it has gone, and do not keep this busy.
asio::awaitable<void> Connection::watch_for_hang_up(std::shared_ptr<asio::steady_timer> pause,
                                                    std::shared_ptr<bool> is_over) {
  const auto self = shared_from_this();
  while (!*is_over) {
    co_await transport_->socket().async_wait(StreamSocket::wait_read, kTuple);
    if (*is_over || !transport_->socket().is_open()) co_return;
    if (has_hung_up(transport_->socket().native_handle())) {
      has_hung_up_ = true;
      on_wake();
      co_return;
    }
    pause->expires_after(kHangUpPoll);
    co_await pause->async_wait(kTuple);
  }
}

}  // namespace

void start_connection(std::unique_ptr<Transport> transport, Strand strand, std::string peer,
                      ConnectionContext& context) {
  auto connection =
      std::make_shared<Connection>(std::move(transport), strand, std::move(peer), context);
  asio::co_spawn(
      strand, [connection]() -> asio::awaitable<void> { return connection->run(); },
      [](std::exception_ptr failure) {
        // Out of memory, or a mistake: this connection ends, the server does not.
        if (failure) spdlog::error("a connection ended by an exception");
      });
}

}  // namespace ernie
