#include "server/tls.h"

namespace ernie {

namespace ssl = boost::asio::ssl;

Result<std::unique_ptr<ssl::context>> make_tls_context(const TlsOptions& options) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                           ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                           ssl::context::no_tlsv1_1,
                       error);
  const auto failed = [&](const char* flag, const std::string& file) {
    return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected a PEM file: {}", flag,
                      file.empty() ? "nothing" : file, error.message());
  };
  context->use_certificate_chain_file(options.certificate_file, error);
  if (error) return failed("--ssl-certfile", options.certificate_file);
  context->use_private_key_file(options.key_file, ssl::context::pem, error);
  if (error) return failed("--ssl-keyfile", options.key_file);
  if (!options.ca_file.empty()) {
    context->load_verify_file(options.ca_file, error);
    if (error) return failed("--ssl-ca-certs", options.ca_file);
  }
  if (options.require_client_certificate) {
    context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  }
  return context;
}

}  // namespace ernie
