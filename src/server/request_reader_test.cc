#include "server/request_reader.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

struct Outcome {
  std::optional<HttpProblem> problem;
  HttpRequest request;
  std::string left;
  bool is_whole = false;
};

Outcome read(std::string_view bytes, size_t piece, const HttpLimits& limits = {}) {
  RequestReader reader(limits);
  Outcome outcome;
  while (!bytes.empty() && reader.state() != RequestReader::State::kDone && !outcome.problem) {
    bytes.remove_prefix(reader.feed(bytes.substr(0, piece), outcome.problem));
  }
  outcome.is_whole = !outcome.problem && reader.state() == RequestReader::State::kDone;
  if (outcome.is_whole) outcome.request = reader.take();
  outcome.left = bytes;
  return outcome;
}

int status_of(std::string_view bytes, const HttpLimits& limits = {}) {
  const Outcome outcome = read(bytes, bytes.size(), limits);
  return outcome.problem ? outcome.problem->status : 0;
}

constexpr std::string_view kPost =
    "POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nX-Y:  z \r\nContent-Length: 3\r\n\r\nabcREST";

TEST(RequestReader, ReadsARequestInPiecesOfAnySize) {
  for (size_t piece = 1; piece <= kPost.size(); ++piece) {
    const Outcome outcome = read(kPost, piece);
    ASSERT_TRUE(outcome.is_whole) << piece;
    EXPECT_EQ(outcome.request.method, "POST");
    EXPECT_EQ(outcome.request.path, "/a");
    EXPECT_EQ(outcome.request.header("x-y"), "z");
    EXPECT_EQ(outcome.request.body, "abc");
    EXPECT_EQ(outcome.left, "REST");
  }
}

TEST(RequestReader, ReadsChunks) {
  constexpr std::string_view kChunks =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "2;a=b\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\nREST";
  for (size_t piece = 1; piece <= kChunks.size(); ++piece) {
    const Outcome outcome = read(kChunks, piece);
    ASSERT_TRUE(outcome.is_whole) << piece;
    EXPECT_EQ(outcome.request.body, "abc");
    EXPECT_EQ(outcome.left, "REST");
  }
}

// The parser would wait for the end of the quotes, whatever comes, and take the chunk's size off
// the limit of the body with each piece.
TEST(RequestReader, ExtensionsOfChunksEndInTheirLine) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* chunks : {"60;x=\"m\r\nabc", "1;a=b\r\nz\r\n2;x=\"\r\n", "0;x=\"m\r\n\r\n",
                             "2;x=\"\r\nab\r\n0\r\n\r\nGET / HTTP/1.1\r\nX: \"\r\n\r\n"}) {
    const std::string bytes = head + chunks;
    for (size_t piece = 1; piece <= bytes.size(); ++piece) {
      const Outcome outcome = read(bytes, piece);
      ASSERT_TRUE(outcome.problem) << chunks << " in pieces of " << piece;
      EXPECT_EQ(outcome.problem->status, 400) << chunks << " in pieces of " << piece;
    }
  }
  EXPECT_EQ(status_of(head + "1;x=\"y\"\r\na\r\n0;z=\"\"\r\nT: \"\r\n\r\n"), 0);
}

TEST(RequestReader, KeepsWithinItsLimits) {
  HttpLimits limits;
  limits.max_body_bytes = 3;
  EXPECT_EQ(status_of(kPost, limits), 0);
  limits.max_body_bytes = 2;
  EXPECT_EQ(status_of(kPost, limits), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                      limits),
            413);
  limits.max_headers = 2;
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", limits), 0);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", limits), 431);
  limits.max_target_bytes = 2;
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", limits), 0);
  EXPECT_EQ(status_of("GET /ab HTTP/1.1\r\nHost: x\r\n\r\n", limits), 414);
  limits.max_header_bytes = 64;
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(64, 'b'), limits), 431);
}

TEST(RequestReader, RefusesWhatProxiesReadOtherwise) {
  for (const char* header :
       {"", "Host: x\r\nHost: x\r\n", "Host: a b\r\n", "Host: a@b\r\n", "Host: x\r\nA : b\r\n",
        "Host: x\r\n A: b\r\n\r\n", "Host: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
        "Host: x\r\nContent-Length: 1, 1\r\n", "Host: x\r\nContent-Length: +1\r\n",
        "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n", "Host: x\r\nTransfer-Encoding: x\r\n",
        "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Host: x\nA: b\r\n"}) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + std::string(header) + "\r\n"), 400) << header;
  }
  EXPECT_EQ(status_of("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.2\r\nHost: x\r\n\r\n"), 400);
}

TEST(RequestReader, KnowsWhoWaits) {
  const HttpLimits limits;
  RequestReader reader(limits);
  std::optional<HttpProblem> problem;
  reader.feed("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
              problem);
  EXPECT_EQ(reader.state(), RequestReader::State::kBody);
  EXPECT_TRUE(reader.expects_continue());
}

}  // namespace
}  // namespace ernie
