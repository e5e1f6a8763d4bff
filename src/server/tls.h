#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "base/result.h"
#include "server/server.h"

namespace ernie {

/// TLS 1.2 and later. Error: a file that cannot be used, named by its flag.
Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(const TlsOptions& options);

}  // namespace ernie
