#include "server/access.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

HttpRequest with(std::string name, std::string value) {
  HttpRequest request;
  request.headers.push_back({std::move(name), std::move(value)});
  return request;
}

TEST(ApiKeys, TakesEitherHeader) {
  const ApiKeys keys({"one", "two"});
  EXPECT_TRUE(keys.accepts(with("authorization", "Bearer one")));
  EXPECT_TRUE(keys.accepts(with("authorization", "BEARER two")));
  EXPECT_TRUE(keys.accepts(with("x-api-key", "two")));
  for (const char* value : {"", "one", "Bearer", "Bearer ", "Bearer on", "Bearer onex", "Basic one",
                            "Bearer  one", "Bearer one "}) {
    EXPECT_FALSE(keys.accepts(with("authorization", value))) << value;
  }
  EXPECT_FALSE(keys.accepts({}));
}

TEST(ClientId, IsTheKeyOrTheAddress) {
  HttpRequest a = with("x-api-key", "k"), b = with("authorization", "Bearer k"), c, d;
  a.peer = c.peer = "1.2.3.4";
  b.peer = d.peer = "4.3.2.1";
  const ApiKeys keys({"k"}), none({});
  EXPECT_EQ(client_id_of(keys, a), client_id_of(keys, b));
  EXPECT_NE(client_id_of(keys, a), client_id_of(keys, c));
  EXPECT_NE(client_id_of(none, c), client_id_of(none, d));
  EXPECT_EQ(client_id_of(none, a), client_id_of(none, c)) << "a key that nobody checks";
}

std::string origin_for(const CorsOptions& options, const char* origin) {
  HttpReply reply;
  add_cors_headers(options, with("origin", origin), reply);
  for (const HttpHeader& header : reply.headers) {
    if (header.name == "Access-Control-Allow-Origin") return header.value;
  }
  return "";
}

TEST(Cors, NamesTheOrigin) {
  EXPECT_EQ(origin_for({.origins = {}}, "http://a"), "");
  EXPECT_EQ(origin_for({.origins = {"*"}}, "http://a"), "*");
  EXPECT_EQ(origin_for({.origins = {"http://a"}}, "http://a"), "http://a");
  EXPECT_EQ(origin_for({.origins = {"http://a"}}, "http://b"), "");
  // A wildcard and credentials do not go together in browsers.
  EXPECT_EQ(origin_for({.origins = {"*"}, .allow_credentials = true}, "http://a"), "http://a");
}

TEST(Cors, AnswersPreflights) {
  HttpRequest request = with("origin", "http://a");
  request.method = "OPTIONS";
  EXPECT_FALSE(cors_preflight({.origins = {"*"}}, request));
  request.headers.push_back({"access-control-request-method", "POST"});
  EXPECT_FALSE(cors_preflight({.origins = {}}, request));
  EXPECT_EQ(cors_preflight({.origins = {"*"}}, request)->status, 200);
  EXPECT_EQ(cors_preflight({.origins = {"http://b"}}, request)->status, 400);
}

}  // namespace
}  // namespace ernie
