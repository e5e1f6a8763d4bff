#pragma once

/// The bodies of /v1/messages and /v1/messages/count_tokens.

#include <boost/json/object.hpp>

#include "api/server_request.h"

namespace ernie {

/// The error of a chat with the field as this API calls it.
Error as_messages_error(Error error);

/// As a chat. `needs_max_tokens`: of the body of a request that computes an answer. An error names
/// the field as this API calls it.
Result<ServerRequest> parse_messages(const boost::json::object& body,
                                     const SamplingParams& defaults, const RequestLimits& limits,
                                     bool needs_max_tokens);

}  // namespace ernie
