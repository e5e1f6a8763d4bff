#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/http_client.h"

namespace ernie {

/// Where a server is: --url and --api-key, the latter also from VLLM_API_KEY or OPENAI_API_KEY.
struct ClientFlags {
  std::string url, api_key;
};

void add_client_flags(CLI::App& app, ClientFlags& flags, const std::string& url_text);
Result<ServerAddress> server_address(const ClientFlags& flags);

}  // namespace ernie
