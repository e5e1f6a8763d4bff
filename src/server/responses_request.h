#pragma once

/// The bodies of /v1/responses.

#include <boost/json/object.hpp>

#include "api/server_request.h"

namespace ernie {

/// The error of a chat with the field as this API calls it.
Error as_responses_error(Error error);

/// As a chat. `max_model_len`: tokens, for `truncation`. An error names the field as this API calls
/// it.
Result<ServerRequest> parse_responses(const boost::json::object& body,
                                      const SamplingParams& defaults, const RequestLimits& limits,
                                      int64_t max_model_len);

}  // namespace ernie
