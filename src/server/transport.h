#pragma once

/// A byte stream to a client, with TLS or without. Included by the files that speak Asio alone.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>

namespace ernie {

namespace asio = boost::asio;
using StreamSocket = asio::generic::stream_protocol::socket;

/// One coroutine at a time reads, one writes.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Of TLS; does nothing without.
  virtual asio::awaitable<boost::system::error_code> handshake() = 0;
  /// 0 bytes with an error.
  virtual asio::awaitable<size_t> read_some(asio::mutable_buffer buffer,
                                            boost::system::error_code& error) = 0;
  /// All of it.
  virtual asio::awaitable<boost::system::error_code> write(asio::const_buffer buffer) = 0;
  /// Tells the client that nothing follows.
  virtual asio::awaitable<void> shutdown() = 0;
  virtual StreamSocket& socket() = 0;
};

std::unique_ptr<Transport> make_plain_transport(StreamSocket socket);
/// `context` must outlive it.
std::unique_ptr<Transport> make_tls_transport(StreamSocket socket, asio::ssl::context& context);

}  // namespace ernie
