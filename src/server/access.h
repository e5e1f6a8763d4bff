#pragma once

/// Who may ask: API keys, and which origins a browser may come from.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "receipt/sha256.h"
#include "server/http_message.h"
#include "server/server.h"

namespace ernie {

/// Keeps digests only. Comparing takes the same time wherever two keys differ.
class ApiKeys {
 public:
  explicit ApiKeys(const std::vector<std::string>& keys);

  bool empty() const { return digests_.empty(); }
  /// Whether the request brings one: "Authorization: Bearer KEY" or "X-Api-Key: KEY".
  bool accepts(const HttpRequest& request) const;

 private:
  std::vector<Digest> digests_;
};

/// A number for who asks: the key where there are keys, else the address. What a request says of
/// itself unchecked does not count: a client could be as many as it likes.
uint64_t client_id_of(const ApiKeys& keys, const HttpRequest& request);

/// Adds what a browser needs to hand a reply to the page that asked.
void add_cors_headers(const CorsOptions& options, const HttpRequest& request, HttpReply& reply);
/// The reply to an OPTIONS request; nothing if it is no preflight or CORS is off.
std::optional<HttpReply> cors_preflight(const CorsOptions& options, const HttpRequest& request);

}  // namespace ernie
