#pragma once

/// One client's connection: reads requests, has them answered, writes the answers.

#include <atomic>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>

#include "server/access.h"
#include "server/server.h"
#include "server/transport.h"

namespace ernie {

/// What all connections of a server share.
struct ConnectionContext {
  const ServerOptions& options;
  Service& service;
  ApiKeys keys;
  asio::thread_pool& workers;  ///< for requests that cost time before they are queued
  std::atomic<int64_t> num_connections = 0;
  std::atomic<int64_t> num_under_way = 0;  ///< requests that are not answered to the end
  std::atomic<bool> is_closing = false;    ///< connections end behind what they are at
};

using Strand = asio::strand<asio::any_io_executor>;

/// Serves the connection until it ends. Runs on `strand`; the transport's socket must use it too.
/// `peer`: the client's address. `context` must outlive it.
void start_connection(std::unique_ptr<Transport> transport, Strand strand, std::string peer,
                      ConnectionContext& context);

/// One for all requests: finds the route, checks who asks and whether there is a model, and has it
/// answered. Any thread.
Reply dispatch(const HttpRequest& request, ConnectionContext& context,
               std::shared_ptr<Waker> waker);

}  // namespace ernie
