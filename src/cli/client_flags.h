#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/http_client.h"

namespace ernie {

/// Where a server is: --url, --api-key (also from VLLM_API_KEY or OPENAI_API_KEY), --ssl-ca-certs,
/// --insecure.
struct ClientFlags {
  std::string url, api_key, ca_file;
  bool insecure = false;
};

void add_client_flags(CLI::App& app, ClientFlags& flags, const std::string& url_text);
Result<ServerAddress> server_address(const ClientFlags& flags);

}  // namespace ernie
