#pragma once

/// A Service on the network.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/service.h"

namespace ernie {

/// What one connection may cost.
struct HttpLimits {
  size_t max_target_bytes = 8 << 10;
  size_t max_header_bytes = 32 << 10;  ///< all lines before the body
  size_t max_headers = 100;
  size_t max_body_bytes = 4 << 20;
  size_t max_connections = 8192;  ///< or fewer, if the system allows fewer descriptors
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds body_timeout{30};  ///< besides a second for each KiB
  std::chrono::seconds keep_alive_timeout{60};
  std::chrono::seconds write_timeout{30};  ///< for a piece of an answer
  std::chrono::seconds ping_interval{15};  ///< of a stream that has nothing to say
};

struct CorsOptions {
  std::vector<std::string> origins;  ///< "*": all; empty: none
  std::vector<std::string> methods{"*"}, headers{"*"};
  bool allow_credentials = false;
};

struct TlsOptions {
  std::string key_file, certificate_file;  ///< PEM; empty: no TLS
  std::string ca_file;                     ///< for clients' certificates
  bool require_client_certificate = false;
};

struct ServerOptions {
  std::string host = "127.0.0.1";     ///< empty: every interface
  uint16_t port = 8000;               ///< 0: any that is free
  std::string unix_socket;            ///< a path, instead of host and port
  std::vector<std::string> api_keys;  ///< empty: nobody needs one
  bool public_metrics = false;
  std::string root_path;  ///< a prefix that a proxy may leave in paths
  bool request_id_headers = false;
  HttpLimits limits;
  CorsOptions cors;
  TlsOptions tls;
};

/// Listens from create() on, so that probes are answered while a model loads.
class Server {
 public:
  /// `service` must outlive the server. Error: an address that cannot be had, a bad certificate.
  static Result<std::unique_ptr<Server>> create(ServerOptions options, Service& service);
  virtual ~Server() = default;

  /// "http://127.0.0.1:8000", "unix:/path"
  virtual std::string address() const = 0;
  virtual uint16_t port() const = 0;

  /// Returns after SIGINT or SIGTERM, or request_stop(): refuses new work, lets what runs end for
  /// as long as `timeout`, then cancels it and closes everything. A second signal does not wait.
  virtual void run_until_signal(std::chrono::seconds timeout) = 0;
  /// As a first signal. Any thread.
  virtual void request_stop() = 0;
};

}  // namespace ernie
