#include "server/web_page.h"

#include <array>

#include "server/replies.h"
#include "server/web_files.h"

namespace ernie {
namespace {

HttpReply file_reply(const WebFile& file) {
  HttpReply reply;
  reply.content_type = file.content_type;
  reply.body = file.bytes();
  reply.headers = {
      {"X-Content-Type-Options", "nosniff"},
      {"Cache-Control", "no-cache"},
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
       "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
       "'none'"}};
  return reply;
}

}  // namespace

Reply handle_page(Service&, Exchange&) { return file_reply(*find_web_file("index.html")); }

Reply handle_page_file(Service&, Exchange& exchange) {
  const WebFile* file = find_web_file(exchange.path_parameter);
  if (file == nullptr) {
    return error_reply(404, make_error(ErrorCode::kNotFound, "there is no such file"));
  }
  return file_reply(*file);
}

}  // namespace ernie
