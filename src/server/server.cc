#include "server/server.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <thread>

#include "server/connection.h"
#include "server/replies.h"
#include "server/tls.h"

namespace ernie {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kNumIoThreads = 2, kNumWorkers = 2;
constexpr int kBacklog = 4096;
constexpr size_t kSpareDescriptors = 64;

/// As many descriptors as the system lets this process have; connections beyond them are refused.
size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Service& service)
      : options_(std::move(options)),
        workers_(kNumWorkers),
        context_{.options = options_,
                 .service = service,
                 .keys = ApiKeys(options_.api_keys),
                 .workers = workers_},
        signals_(io_),
        tcp_(io_),
        unix_(io_),
        stop_timer_(io_) {
    const size_t descriptors = raise_descriptor_limit();
    most_connections_ = std::min(options_.limits.max_connections,
                                 descriptors - std::min(kSpareDescriptors, descriptors / 2));
  }
  ~ServerImpl() override { close(); }

  Result<void> start();
  std::string address() const override { return address_; }
  uint16_t port() const override { return port_; }
  void run_until_signal(std::chrono::seconds timeout) override;
  void request_stop() override {
    asio::post(io_, [this] { on_stop(); });
  }

 private:
  Result<void> listen_tcp();
  Result<void> listen_unix();
  template <typename Acceptor>
  asio::awaitable<void> accept_all(Acceptor& acceptor);
  asio::awaitable<void> wait_for_signals();
  void serve(StreamSocket socket, Strand strand, std::string peer);
  void on_stop();
  void close();
  bool wait_until(std::chrono::steady_clock::time_point end, const std::function<bool()>& done);

  const ServerOptions options_;
  asio::thread_pool workers_;
  ConnectionContext context_;  // connections end with io_
  asio::io_context io_{kNumIoThreads};
  asio::signal_set signals_;
  tcp::acceptor tcp_;
  Unix::acceptor unix_;
  asio::steady_timer stop_timer_;
  std::unique_ptr<asio::ssl::context> tls_;
  size_t most_connections_ = 0;
  std::string address_;
  uint16_t port_ = 0;
  std::vector<std::thread> threads_;

  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  int num_stops_ = 0;
};

Result<void> ServerImpl::listen_tcp() {
  error_code error;
  tcp::resolver resolver(io_);
  const std::string host = options_.host.empty() ? "0.0.0.0" : options_.host;
  const auto found =
      resolver.resolve(host, std::to_string(options_.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--host: got {}, expected an address of this "
                      "machine: {}",
                      host, error.message());
  }
  const tcp::endpoint endpoint = *found.begin();
  tcp_.open(endpoint.protocol(), error);
  if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) tcp_.bind(endpoint, error);
  if (!error) tcp_.listen(kBacklog, error);
  if (error) {
    return make_error(ErrorCode::kIo, "cannot listen on {} port {}: {}", host, options_.port,
                      error.message());
  }
  port_ = tcp_.local_endpoint(error).port();
  const bool is_v6 = endpoint.address().is_v6();
  address_ = fmt::format("{}://{}{}{}:{}", tls_ == nullptr ? "http" : "https", is_v6 ? "[" : "",
                         endpoint.address().to_string(), is_v6 ? "]" : "", port_);
  return {};
}

Result<void> ServerImpl::listen_unix() {
  // A socket that an earlier server left is in the way; a file that is none stays.
  struct stat status {};
  const std::string& path = options_.unix_socket;
  if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
  error_code error;
  unix_.open(Unix(), error);
  try {
    if (!error) unix_.bind(Unix::endpoint(path), error);
  } catch (const boost::system::system_error& too_long) {
    error = too_long.code();
  }
  if (!error) unix_.listen(kBacklog, error);
  if (error) {
    return make_error(ErrorCode::kIo, "cannot listen on {}: {}", path, error.message());
  }
  address_ = "unix:" + path;
  return {};
}

Result<void> ServerImpl::start() {
  if (!options_.tls.key_file.empty() || !options_.tls.certificate_file.empty()) {
    ERNIE_TRY(tls_, make_tls_context(options_.tls));
  }
  error_code error;
  signals_.add(SIGINT, error);
  signals_.add(SIGTERM, error);
  if (options_.unix_socket.empty()) {
    ERNIE_TRY_VOID(listen_tcp());
    asio::co_spawn(io_, accept_all(tcp_), asio::detached);
  } else {
    ERNIE_TRY_VOID(listen_unix());
    asio::co_spawn(io_, accept_all(unix_), asio::detached);
  }
  asio::co_spawn(io_, wait_for_signals(), asio::detached);
  for (int i = 0; i < kNumIoThreads; ++i) threads_.emplace_back([this] { io_.run(); });
  return {};
}

template <typename Acceptor>
asio::awaitable<void> ServerImpl::accept_all(Acceptor& acceptor) {
  asio::steady_timer pause(io_);
  while (acceptor.is_open()) {
    Strand strand = asio::make_strand(asio::any_io_executor(io_.get_executor()));
    typename Acceptor::protocol_type::endpoint peer;
    auto [error, socket] = co_await acceptor.async_accept(strand, peer, kTuple);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // no descriptors: connections that end will free some
      pause.expires_after(std::chrono::milliseconds(50));
      co_await pause.async_wait(kTuple);
      continue;
    }
    std::string address;
    if constexpr (std::is_same_v<Acceptor, tcp::acceptor>) {
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      address = peer.address().to_string();
    }
    serve(StreamSocket(std::move(socket)), std::move(strand), std::move(address));
  }
}

void ServerImpl::serve(StreamSocket socket, Strand strand, std::string peer) {
  if (static_cast<size_t>(context_.num_connections) >= most_connections_) {
    HttpReply reply =
        error_reply(503, make_error(ErrorCode::kQueueFull, "got {} connections, expected no more",
                                    most_connections_));
    const std::string bytes =
        http_head(reply, static_cast<int64_t>(reply.body.size()), false, false) + reply.body;
    error_code ignored;
    socket.non_blocking(true, ignored);
    if (tls_ == nullptr) socket.write_some(asio::buffer(bytes), ignored);
    return;
  }
  auto transport = tls_ == nullptr ? make_plain_transport(std::move(socket))
                                   : make_tls_transport(std::move(socket), *tls_);
  start_connection(std::move(transport), std::move(strand), std::move(peer), context_);
}

asio::awaitable<void> ServerImpl::wait_for_signals() {
  while (true) {
    const auto [error, signal] = co_await signals_.async_wait(kTuple);
    if (error) co_return;
    on_stop();
  }
}

void ServerImpl::on_stop() {
  if (!context_.service.is_loaded()) {
    // A model that loads can take minutes, and there is nothing to lose yet.
    if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
    ::_exit(0);
  }
  const std::lock_guard lock(stop_mutex_);
  ++num_stops_;
  stop_changed_.notify_all();
}

/// False if it was not done in time, or a second signal came.
bool ServerImpl::wait_until(std::chrono::steady_clock::time_point end,
                            const std::function<bool()>& done) {
  constexpr auto kPoll = std::chrono::milliseconds(5);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::unique_lock lock(stop_mutex_);
    if (stop_changed_.wait_for(lock, kPoll, [this] { return num_stops_ > 1; })) return false;
  }
  return true;
}

void ServerImpl::run_until_signal(std::chrono::seconds timeout) {
  using Clock = std::chrono::steady_clock;
  {
    std::unique_lock lock(stop_mutex_);
    stop_changed_.wait(lock, [this] { return num_stops_ > 0; });
  }
  context_.service.begin_draining();
  spdlog::info("shutting down: {} requests under way, at most {} s", context_.num_under_way.load(),
               timeout.count());
  const auto is_idle = [this] { return context_.num_under_way == 0; };
  const bool drained = wait_until(Clock::now() + timeout, is_idle);
  context_.is_closing = true;
  if (!drained) {
    spdlog::warn("ending {} requests", context_.num_under_way.load());
    if (context_.service.is_loaded()) context_.service.stop();
    // What the engine has ended is still to be told to its clients.
    wait_until(Clock::now() + std::chrono::seconds(2), is_idle);
  }
  close();
}

void ServerImpl::close() {
  if (threads_.empty()) return;
  io_.stop();
  workers_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  workers_.join();
  // No request may wake a connection any more when these are destroyed.
  if (context_.service.is_loaded()) context_.service.stop();
  if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(ServerOptions options, Service& service) {
  auto server = std::make_unique<ServerImpl>(std::move(options), service);
  ERNIE_TRY_VOID(server->start());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace ernie
