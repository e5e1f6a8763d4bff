#pragma once

#include <boost/json/object.hpp>

#include "base/result.h"
#include "server/http_message.h"

namespace ernie {

HttpReply json_reply(const boost::json::value& body, int status = 200);
/// {"error": {message, type, param, code}}, with Retry-After where it is worth trying again.
HttpReply error_reply(const Error& error);
/// The same under another status than the error's own.
HttpReply error_reply(int status, const Error& error);

}  // namespace ernie
