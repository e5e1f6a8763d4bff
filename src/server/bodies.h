#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "base/result.h"
#include "server/routes.h"

namespace ernie {

/// The JSON object in a request's body. Error: it is none, or the Content-Type says something else.
Result<boost::json::object> parse_body(const Exchange& exchange);

/// What one API calls a field of another.
struct FieldName {
  std::string_view inner, outer;
};
/// The error with the field as the client sent it.
Error with_names(Error error, std::span<const FieldName> names);

/// What a client calls the request: X-Request-Id before the body's request_id; else a new id. With
/// the prefix of the API, if it does not have it already.
std::string answer_id(std::string_view prefix, const Exchange& exchange,
                      const boost::json::object& body);

/// 32 hexadecimal digits that nobody can guess.
std::string random_id();

/// Whether a client's id can stand in logs, headers and answers: 1 to 128 printable characters.
bool is_safe_id(std::string_view id);

}  // namespace ernie
