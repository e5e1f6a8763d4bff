#include "server/access.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <span>

namespace ernie {
namespace {

constexpr const char* kAllMethods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

std::string_view key_of(const HttpRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view given = request.header("authorization");
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  if (given.size() > kScheme.size() &&
      std::equal(kScheme.begin(), kScheme.end(), given.begin(),
                 [&](char scheme, char got) { return same(got, scheme); })) {
    given.remove_prefix(kScheme.size());
    return given;
  }
  return request.header("x-api-key");
}

Digest digest_of(std::string_view text) { return sha256(std::as_bytes(std::span(text))); }

bool contains(const std::vector<std::string>& list, std::string_view what) {
  return std::ranges::find(list, what) != list.end();
}

std::string joined(const std::vector<std::string>& list, const char* all) {
  if (contains(list, "*")) return all;
  std::string text;
  for (const std::string& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) digests_.push_back(digest_of(key));
}

bool ApiKeys::accepts(const HttpRequest& request) const {
  const Digest given = digest_of(key_of(request));
  bool found = false;
  for (const Digest& digest : digests_) {
    unsigned difference = 0;
    for (size_t i = 0; i < digest.size(); ++i) {
      difference |= std::to_integer<unsigned>(digest[i] ^ given[i]);
    }
    found |= difference == 0;
  }
  return found;
}

uint64_t client_id_of(const ApiKeys& keys, const HttpRequest& request) {
  const std::string_view key = keys.empty() ? std::string_view() : key_of(request);
  return std::hash<std::string_view>{}(key.empty() ? std::string_view(request.peer) : key);
}

void add_cors_headers(const CorsOptions& options, const HttpRequest& request, HttpReply& reply) {
  const std::string_view origin = request.header("origin");
  if (origin.empty() || options.origins.empty()) return;
  const bool all = contains(options.origins, "*");
  if (!all && !contains(options.origins, origin)) return;
  if (all && !options.allow_credentials) {
    reply.headers.push_back({"Access-Control-Allow-Origin", "*"});
    return;
  }
  reply.headers.push_back({"Access-Control-Allow-Origin", std::string(origin)});
  reply.headers.push_back({"Vary", "Origin"});
  if (options.allow_credentials) {
    reply.headers.push_back({"Access-Control-Allow-Credentials", "true"});
  }
}

std::optional<HttpReply> cors_preflight(const CorsOptions& options, const HttpRequest& request) {
  if (request.method != "OPTIONS" || options.origins.empty()) return std::nullopt;
  if (request.header("origin").empty() || request.header("access-control-request-method").empty()) {
    return std::nullopt;
  }
  HttpReply reply;
  reply.content_type = "text/plain; charset=utf-8";
  add_cors_headers(options, request, reply);
  if (reply.headers.empty()) {
    reply.status = 400;
    reply.body = "Disallowed CORS origin";
    return reply;
  }
  const std::string asked(request.header("access-control-request-headers"));
  const bool any_header = contains(options.headers, "*");
  reply.headers.push_back({"Access-Control-Allow-Methods", joined(options.methods, kAllMethods)});
  if (!any_header || !asked.empty()) {
    reply.headers.push_back(
        {"Access-Control-Allow-Headers", any_header ? asked : joined(options.headers, "")});
  }
  reply.headers.push_back({"Access-Control-Max-Age", "600"});
  reply.body = "OK";
  return reply;
}

}  // namespace ernie
