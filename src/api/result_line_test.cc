#include "api/result_line.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace ernie {
namespace {

std::string problem(std::string_view text) {
  const auto line = parse_result_line(text);
  return line ? "" : line.error().message;
}

TEST(ResultLine, TakesWhatCanBeCheckedOfAServersAnswer) {
  const auto line = parse_result_line(
      R"({"id":"cmpl-1","object":"text_completion","created":7,"model":"m","choices":[{"index":0,)"
      R"("text":" 42","logprobs":null,"finish_reason":"stop","stop_reason":3}],)"
      R"("usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3,"more":1}})");
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->kind, ResultLine::Kind::kServer);
  EXPECT_EQ(line->id, LineId("cmpl-1"));
  EXPECT_TRUE(line->has_answer);
  EXPECT_FALSE(line->is_chat);
  EXPECT_EQ(
      line->answer,
      *parse_json(R"({"id":"cmpl-1","object":"text_completion","model":"m","choices":[{"index":0,)"
                  R"("text":" 42","logprobs":null,"finish_reason":"stop"}],)"
                  R"("usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}})"));
  EXPECT_EQ(text_of(*line, line->answer), " 42");
}

TEST(ResultLine, DamagedAnswersOfAServerAreRefused) {
  for (const char* text : {
           R"({"id":"a","choices":3})",
           R"({"id":"a","choices":[]})",
           R"({"id":"a","choices":[{},{}]})",
           R"({"id":"a","choices":[[]]})",
           R"({"id":"a","choices":[null]})",
           R"({"id":1.5,"choices":[{}]})",
           R"({"choices":[{"text":"a"}]})",
           R"({"id":"a","object":"chat.completion","choices":[{}]})",
           R"({"id":"a","object":"chat.completion","choices":[{"message":"a"}]})",
       }) {
    EXPECT_FALSE(parse_result_line(text)) << text;
  }
  EXPECT_EQ(problem(R"({"id":"a","choices":[{"message":{"tool_calls":[]}}]})"),
            "choices[0].message.tool_calls: such an answer cannot be checked");
}

// Members of another type are no text; what departs is found later.
TEST(ResultLine, StrangeMembersAreLeftOut) {
  for (const char* text : {
           R"({"id":"a","object":"text_completion","choices":[{"message":3}]})",
           R"({"id":"a","object":[],"usage":[],"choices":[{"text":{}}]})",
           R"({"id":"a","choices":[{"message":[1]}],"usage":"a"})",
       }) {
    const auto line = parse_result_line(text);
    ASSERT_TRUE(line) << text;
    EXPECT_FALSE(text_of(*line, line->answer)) << text;
  }
}

}  // namespace
}  // namespace ernie
