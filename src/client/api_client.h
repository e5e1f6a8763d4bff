#pragma once

/// What a client asks of an OpenAI-compatible server.

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/http_client.h"

namespace ernie {

struct ServedModel {
  std::string id;
  int64_t max_model_len = 0;  ///< 0: the server does not say
  int64_t vocab_size = 0;     ///< likewise
};
/// Error: no answer, or no model in it.
Result<ServedModel> first_model(HttpClient& client);
/// Of the response to /v1/models.
Result<ServedModel> first_model(const HttpResponse& response);

/// The error that a response's body speaks of, with its status.
Error response_error(int status, std::string_view body);

/// Sends `body`, whose "stream" is true, and calls `event` with every chunk as it comes. Error:
/// what the server says, also within the stream; no answer; kIo for a stream that ends without its
/// [DONE]; kCancelled if `event` returned false or the client was stopped.
Result<void> stream(HttpClient& client, const std::string& path, const boost::json::object& body,
                    const std::function<bool(const boost::json::object& chunk)>& event);

}  // namespace ernie
