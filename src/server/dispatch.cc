#include <new>

#include "server/bodies.h"
#include "server/connection.h"
#include "server/replies.h"

namespace ernie {
namespace {

HttpReply not_found(const RouteMatch& match) {
  if (match.allowed.empty()) {
    return error_reply(404, make_error(ErrorCode::kNotFound, "there is no such route"));
  }
  HttpReply reply = error_reply(
      405, make_error(ErrorCode::kInvalidArgument, "expected the method {}", match.allowed));
  reply.headers.push_back({"Allow", match.allowed});
  return reply;
}

HttpReply unauthorized() {
  HttpReply reply =
      error_reply(401, make_error(ErrorCode::kInvalidArgument,
                                  "expected an API key, as \"Authorization: Bearer KEY\""));
  reply.headers.push_back({"WWW-Authenticate", "Bearer"});
  return reply;
}

bool needs_key(const Route& route, const ServerOptions& options) {
  if (route.access == Access::kMetrics) return !options.public_metrics;
  return route.access == Access::kKey;
}

std::string_view without_root(std::string_view path, const std::string& root) {
  if (root.empty() || !path.starts_with(root)) return path;
  const std::string_view rest = path.substr(root.size());
  if (rest.empty()) return "/";
  return rest.starts_with('/') ? rest : path;
}

Reply answer(const HttpRequest& request, ConnectionContext& context, std::shared_ptr<Waker> waker,
             std::string_view& route_name) {
  const ServerOptions& options = context.options;
  if (auto preflight = cors_preflight(options.cors, request)) return *std::move(preflight);
  const RouteMatch match =
      find_route(request.method, without_root(request.path, options.root_path));
  const bool open = match.route != nullptr && !needs_key(*match.route, options);
  if (!open && !context.keys.empty() && !context.keys.accepts(request)) return unauthorized();
  if (match.route == nullptr) return not_found(match);
  route_name = match.route->path;
  if (match.route->computes) {
    if (const auto ready = context.service.ready(); !ready) {
      HttpReply reply = error_reply(503, ready.error());
      reply.closes = context.service.is_draining();
      return reply;
    }
  }
  const std::string_view given = request.header("x-request-id");
  Exchange exchange{.request = request,
                    .id = is_safe_id(given) ? std::string(given) : random_id(),
                    .path_parameter = match.parameter,
                    .client_id = client_id_of(context.keys, request),
                    .waker = std::move(waker)};
  Reply reply = match.route->handler(context.service, exchange);
  if (auto* whole = std::get_if<HttpReply>(&reply);
      whole != nullptr && options.request_id_headers) {
    whole->headers.push_back({"X-Request-Id", exchange.id});
  }
  return reply;
}

}  // namespace

Reply dispatch(const HttpRequest& request, ConnectionContext& context,
               std::shared_ptr<Waker> waker) {
  const auto began = std::chrono::steady_clock::now();
  std::string_view route = "none";
  Reply reply;
  try {
    reply = answer(request, context, std::move(waker), route);
  } catch (const std::bad_alloc&) {
    reply = error_reply(503, make_error(ErrorCode::kOutOfMemory, "out of memory"));
  }
  const auto* whole = std::get_if<HttpReply>(&reply);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  context.service.metrics().record_http(route, request.method,
                                        whole == nullptr ? 200 : whole->status, took.count());
  return reply;
}

}  // namespace ernie
