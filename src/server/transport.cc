#include "server/transport.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace ernie {
namespace {

using boost::system::error_code;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(StreamSocket socket) : socket_(std::move(socket)) {}

  asio::awaitable<error_code> handshake() override { co_return error_code(); }
  asio::awaitable<size_t> read_some(asio::mutable_buffer buffer, error_code& error) override {
    const auto [code, size] = co_await socket_.async_read_some(buffer, kTuple);
    error = code;
    co_return size;
  }
  asio::awaitable<error_code> write(asio::const_buffer buffer) override {
    const auto [code, size] = co_await asio::async_write(socket_, buffer, kTuple);
    co_return code;
  }
  asio::awaitable<void> shutdown() override {
    error_code ignored;
    socket_.shutdown(StreamSocket::shutdown_send, ignored);
    co_return;
  }
  StreamSocket& socket() override { return socket_; }

 private:
  StreamSocket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(StreamSocket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context) {}

  asio::awaitable<error_code> handshake() override {
    const auto [code] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kTuple);
    co_return code;
  }
  asio::awaitable<size_t> read_some(asio::mutable_buffer buffer, error_code& error) override {
    const auto [code, size] = co_await stream_.async_read_some(buffer, kTuple);
    error = code;
    co_return size;
  }
  asio::awaitable<error_code> write(asio::const_buffer buffer) override {
    const auto [code, size] = co_await asio::async_write(stream_, buffer, kTuple);
    co_return code;
  }
  asio::awaitable<void> shutdown() override {
    co_await stream_.async_shutdown(kTuple);
    error_code ignored;
    stream_.next_layer().shutdown(StreamSocket::shutdown_send, ignored);
  }
  StreamSocket& socket() override { return stream_.next_layer(); }

 private:
  asio::ssl::stream<StreamSocket> stream_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(StreamSocket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> make_tls_transport(StreamSocket socket, asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

}  // namespace ernie
