#pragma once

/// The bodies of /v1/responses.

#include <boost/json/object.hpp>

#include "api/server_request.h"

namespace ernie {

/// As a chat. An error names the field as this API calls it.
Result<ServerRequest> parse_responses(const boost::json::object& body,
                                      const SamplingParams& defaults, const RequestLimits& limits);

}  // namespace ernie
