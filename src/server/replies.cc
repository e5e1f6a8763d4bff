#include "server/replies.h"

#include "api/openai_json.h"
#include "json/text.h"

namespace ernie {
namespace {

const char* error_type(int status) {
  switch (status) {
    case 400:
    case 413:
    case 414:
    case 431:
      return "BadRequestError";
    case 401:
      return "AuthenticationError";
    case 404:
      return "NotFoundError";
    case 405:
      return "MethodNotAllowedError";
    case 408:
      return "RequestTimeoutError";
    case 429:
      return "RateLimitError";
    case 501:
      return "NotImplementedError";
    case 503:
      return "ServiceUnavailableError";
    default:
      return "InternalServerError";
  }
}

}  // namespace

HttpReply json_reply(const boost::json::value& body, int status) {
  HttpReply reply;
  reply.status = status;
  reply.body = json_text(body);
  return reply;
}

HttpReply error_reply(int status, const Error& error) {
  boost::json::object object{{"message", error.message},
                             {"type", error_type(status)},
                             {"param", error.field.empty() ? boost::json::value(nullptr)
                                                           : boost::json::value(error.field)},
                             {"code", status}};
  HttpReply reply = json_reply(boost::json::object{{"error", std::move(object)}}, status);
  if (status == 429 || status == 503) reply.headers.push_back({"Retry-After", "1"});
  return reply;
}

HttpReply error_reply(const Error& error) { return error_reply(http_status(error), error); }

}  // namespace ernie
