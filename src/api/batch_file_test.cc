#include "api/batch_file.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <set>

#include "json/text.h"

namespace ernie {
namespace {

constexpr std::string_view kGood =
    R"({"custom_id":"a","method":"POST","url":"/v1/completions","body":{"prompt":"p"}})";

/// kGood with one part replaced.
BatchLine parse_with(std::string_view part, std::string_view replacement) {
  std::string text(kGood);
  text.replace(text.find(part), part.size(), replacement);
  return parse_batch_line(text);
}

TEST(BatchLine, Completion) {
  const BatchLine line = parse_batch_line(kGood);
  EXPECT_EQ(line.custom_id, "a");
  EXPECT_FALSE(line.line_error || line.is_chat);
  ASSERT_TRUE(line.request);
  EXPECT_EQ(std::get<std::string>(line.request->prompt), "p");
}

TEST(BatchLine, Chat) {
  const BatchLine line =
      parse_batch_line(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions",)"
                       R"("body":{"messages":[{"role":"user","content":"q"}]}})");
  EXPECT_TRUE(line.is_chat && line.request);
}

TEST(BatchLine, DefectsAroundTheBodyAreLineErrors) {
  const auto problem = [](const BatchLine& line) {
    return line.line_error ? line.line_error->code + " " + line.line_error->message : "";
  };
  EXPECT_TRUE(problem(parse_batch_line("x")).starts_with("invalid_json "));
  EXPECT_EQ(problem(parse_batch_line("[1]")), "invalid_request got a list, expected an object");
  EXPECT_TRUE(
      problem(parse_with(R"("custom_id":"a",)", "")).starts_with("invalid_request custom_id: "));
  EXPECT_TRUE(problem(parse_with(R"("a")", "7")).starts_with("invalid_request custom_id: "));
  EXPECT_TRUE(problem(parse_with(R"("a")", R"("")")).starts_with("invalid_request custom_id: "));
  EXPECT_TRUE(problem(parse_with("POST", "GET")).starts_with("invalid_request method: "));
  EXPECT_TRUE(problem(parse_with("/v1/comp", "/v1/x")).starts_with("invalid_request url: "));
  EXPECT_TRUE(
      problem(parse_with(R"({"prompt":"p"})", "null")).starts_with("invalid_request body: "));
  EXPECT_TRUE(problem(parse_with(R"("custom_id")", R"("x":1,"custom_id")"))
                  .starts_with("invalid_request x: unknown field"));
  EXPECT_EQ(parse_with("POST", "GET").custom_id, "a") << "the id is kept where it can be read";
}

TEST(BatchLine, DefectsOfTheBodyAreResponses) {
  const BatchLine line = parse_with(R"("prompt":"p")", R"("prompt":"p","n":3)");
  EXPECT_FALSE(line.line_error || line.request);
  EXPECT_EQ(line.body_error.message, "n: got 3, only 1 is supported");
}

TEST(ServerBatchLine, TakesAnyPathAndLeavesTheBodyAlone) {
  const auto line = parse_server_batch_line(
      R"({"custom_id":"c","method":"POST","url":"/v1/embeddings","body":{"n":-3,"odd":null}})");
  ASSERT_FALSE(line.line_error) << line.line_error->message;
  EXPECT_EQ(line.path, "/v1/embeddings");
  EXPECT_EQ(json_text(line.body), R"({"n":-3,"odd":null})");
  for (const auto url : {"v1/x", "", "/v1/a b", "http://other/v1"}) {
    const auto bad = parse_server_batch_line(
        fmt::format(R"({{"custom_id":"c","method":"POST","url":"{}","body":{{}}}})", url));
    ASSERT_TRUE(bad.line_error) << url;
    EXPECT_EQ(bad.line_error->code, "invalid_request");
    EXPECT_EQ(bad.custom_id, "c");
  }
}

TEST(BatchRowId, DependsOnJobAndLine) {
  std::set<std::string> all;
  for (const auto job : {"a", "b", ""}) {
    for (const int64_t line : {0, 1, 2, 10, 11}) {
      EXPECT_EQ(batch_row_id(job, line), batch_row_id(job, line));
      all.insert(batch_row_id(job, line).hex());
    }
  }
  EXPECT_EQ(all.size(), 15u);
  // UUID 5 of "job\n1" among object ids. Fixed for good: finished output is recognised by it.
  EXPECT_EQ(batch_row_id("job", 1).hex(), "b1ac243faf155b5bb8a7f60773513f6d");
}

TEST(BatchRow, FormsAndBack) {
  const BatchRowId id{1, 2};
  const std::string good = batch_response_row(id, "c\n", 200, {{"x", 1}});
  EXPECT_EQ(good,
            R"({"id":"batch_req_00000000000000010000000000000002","custom_id":"c\n",)"
            R"("response":{"status_code":200,"request_id":"req_00000000000000010000000000000002",)"
            R"("body":{"x":1}},"error":null})");
  EXPECT_EQ(parse_batch_output(good)->id, id.hex());
  EXPECT_FALSE(parse_batch_output(good)->failed);
  EXPECT_TRUE(parse_batch_output(batch_response_row(id, "c", 400, {}))->failed);

  const std::string bad = batch_error_row(id, parse_batch_line("x"), 7);
  EXPECT_EQ(bad, R"({"id":"batch_req_00000000000000010000000000000002","custom_id":null,)"
                 R"("response":null,"error":{"code":"invalid_json","message":)"
                 R"("line 7: not valid JSON at byte 0: syntax error","line":7}})");
  EXPECT_TRUE(parse_batch_output(bad)->failed);

  const std::string lost = batch_failure_row(id, "c", "connection_error", "gone");
  EXPECT_EQ(lost, R"({"id":"batch_req_00000000000000010000000000000002","custom_id":"c",)"
                  R"("response":null,"error":{"code":"connection_error","message":"gone"}})");
  EXPECT_TRUE(parse_batch_output(lost)->failed);
  EXPECT_FALSE(parse_batch_output(kGood));
  EXPECT_FALSE(parse_batch_output("x"));
}

}  // namespace
}  // namespace ernie
