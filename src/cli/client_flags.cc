#include "cli/client_flags.h"

#include "cli/flag_group.h"

#include <cstdlib>

namespace ernie {

void add_client_flags(CLI::App& app, ClientFlags& flags, const std::string& url_text) {
  const FlagGroup group(app, "Server");
  app.add_option("--url,--base-url", flags.url, url_text)->capture_default_str();
  app.add_option("--api-key", flags.api_key,
                 "Key for the server (default: VLLM_API_KEY or OPENAI_API_KEY)");
  app.add_option("--ssl-ca-certs", flags.ca_file,
                 "Authorities of the server's certificate, PEM (default: the system's)")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_flag("--insecure", flags.insecure, "Accept any certificate of the server");
}

Result<ServerAddress> server_address(const ClientFlags& flags) {
  std::string key = flags.api_key;
  for (const char* name : {"VLLM_API_KEY", "OPENAI_API_KEY"}) {
    const char* value = std::getenv(name);
    if (key.empty() && value != nullptr) key = value;
  }
  if (key.find_first_of("\r\n") != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "--api-key: expected one line"};
  }
  ERNIE_TRY(ServerAddress server, parse_server_address(flags.url, key));
  server.ca_file = flags.ca_file;
  server.insecure = flags.insecure;
  return server;
}

}  // namespace ernie
