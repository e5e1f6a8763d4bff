#pragma once

/// Which function answers which method and path.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/answer.h"

namespace ernie {

class Service;

/// One request on its way through the server.
struct Exchange {
  const HttpRequest& request;
  std::string id;                ///< of the request: the client's or a new one; safe to print
  std::string path_parameter;    ///< what stands at {…} in the route's path
  uint64_t client_id = 0;        ///< who asks: see client_id_of()
  std::shared_ptr<Waker> waker;  ///< for an answer
};

using Handler = Reply (*)(Service& service, Exchange& exchange);

enum class Access : uint8_t {
  kOpen,     ///< needs no key
  kMetrics,  ///< needs one unless --public-metrics
  kKey,
};

struct Route {
  std::string_view method;
  std::string_view path;  ///< may hold one {name}, which stands for one segment or, at the end, all
  Access access;
  Handler handler;
  /// Whether it computes, so that it is refused while the model is not there, or no more.
  bool computes = false;
  std::string_view summary;  ///< for /openapi.json
};

/// All routes. Which one answers decides who may ask: there is no other check of paths.
std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  ///< null: none
  std::string parameter;
  std::string allowed;  ///< methods that the path has, "GET, POST", if only the method is wrong
};
/// `path`: percent-decoding has not been applied and is not.
RouteMatch find_route(std::string_view method, std::string_view path);

}  // namespace ernie
