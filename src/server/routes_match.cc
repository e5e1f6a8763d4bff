#include <optional>

#include "server/routes.h"

namespace ernie {
namespace {

/// What stands at the pattern's {…}; "" if it has none; nothing if the path does not fit.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos) {
    if (pattern != path) return std::nullopt;
    return std::string();
  }
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  path.remove_prefix(before.size());
  path.remove_suffix(after.size());
  if (!after.empty() && path.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(path);
}

}  // namespace

RouteMatch find_route(std::string_view method, std::string_view path) {
  RouteMatch found;
  for (const Route& route : routes()) {
    auto parameter = match(route.path, path);
    if (!parameter) continue;
    const bool is_head = method == "HEAD" && route.method == "GET";
    if (route.method == method || is_head) return {&route, *std::move(parameter), ""};
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += route.method;
  }
  return found;
}

}  // namespace ernie
