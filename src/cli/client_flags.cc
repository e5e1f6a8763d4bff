#include "cli/client_flags.h"

#include <cstdlib>

namespace ernie {

void add_client_flags(CLI::App& app, ClientFlags& flags, const std::string& url_text) {
  app.add_option("--url", flags.url, url_text)->capture_default_str();
  app.add_option("--api-key", flags.api_key,
                 "Key for the server (default: VLLM_API_KEY or OPENAI_API_KEY)");
}

Result<ServerAddress> server_address(const ClientFlags& flags) {
  std::string key = flags.api_key;
  for (const char* name : {"VLLM_API_KEY", "OPENAI_API_KEY"}) {
    const char* value = std::getenv(name);
    if (key.empty() && value != nullptr) key = value;
  }
  return parse_server_address(flags.url, key);
}

}  // namespace ernie
