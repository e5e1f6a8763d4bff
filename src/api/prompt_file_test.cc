#include "api/prompt_file.h"

#include <gtest/gtest.h>

#include "fake_engine.h"

namespace ernie {
namespace {

std::string problem_of(std::string_view text) {
  const PromptLine line = parse_prompt_line(text, {});
  return line.request ? "" : line.error.message;
}

TEST(PromptLine, FieldsStandOverTheDefaults) {
  PromptDefaults defaults;
  defaults.params.max_tokens = 99;
  defaults.params.temperature = 0;
  const PromptLine line = parse_prompt_line(
      R"({"id":"x\"","prompt":"p","temperature":0.5,"seed":3,"logprobs":0})", defaults);
  ASSERT_TRUE(line.request) << line.error.message;
  EXPECT_EQ(line.id, LineId("x\""));
  EXPECT_EQ(std::get<std::string>(line.request->prompt), "p");
  EXPECT_EQ(line.request->params.temperature, 0.5f);
  EXPECT_EQ(line.request->params.max_tokens, 99);
  EXPECT_EQ(line.request->params.logprobs, 0);
  EXPECT_TRUE(line.request->has_seed);
}

TEST(PromptLine, ChatMakesPromptsTurns) {
  PromptDefaults defaults;
  defaults.chat = true;
  defaults.system = "s";
  const auto messages_of = [&](std::string_view text) {
    const PromptLine line = parse_prompt_line(text, defaults);
    std::string roles;
    for (const auto& m : std::get<std::vector<ChatMessage>>(line.request->prompt)) {
      roles += m.role + "=" + m.content + " ";
    }
    return roles;
  };
  EXPECT_EQ(messages_of(R"({"prompt":"p"})"), "system=s user=p ");
  EXPECT_EQ(messages_of(R"({"messages":[{"role":"user","content":"q"}]})"), "user=q ");
}

TEST(PromptLine, DefectsNameTheField) {
  EXPECT_EQ(problem_of(R"({"prompt":"p","max_new":1})"), "max_new: unknown field");
  EXPECT_TRUE(problem_of("{}").starts_with("prompt: expected either"));
  EXPECT_TRUE(problem_of(R"({"prompt":"p","messages":[{"role":"user","content":"q"}]})")
                  .starts_with("prompt: expected either"));
  EXPECT_TRUE(problem_of(R"({"prompt":"p","id":1.5})").starts_with("id: got 1.5"));
  EXPECT_TRUE(problem_of("[]").starts_with("got a list"));
  EXPECT_TRUE(problem_of("{").starts_with("not valid JSON"));
  EXPECT_EQ(parse_prompt_line(R"({"id":7,"prompt":1})", {}).id, LineId(7))
      << "an error keeps the line's id";
}

TEST(PromptLine, ResultLines) {
  GenerationResult result;
  result.text = "t";
  result.token_ids = {1, 2};
  result.finish_reason = FinishReason::kLength;
  result.num_prompt_tokens = 3;
  result.num_output_tokens = 2;
  result.timings = {0.5, 1, 2};
  SamplingParams params;
  EXPECT_EQ(json_text(prompt_result(int64_t{8}, params, result, nullptr, false)),
            R"({"id":8,"text":"t","num_prompt_tokens":3,"num_output_tokens":2,)"
            R"("finish_reason":"length","timings":{"queue_s":0.5,"first_token_s":1,"total_s":2}})");
  result.stop_reason = "s";
  params.logprobs = 0;
  params.prompt_logprobs = 0;
  EXPECT_EQ(json_text(prompt_result("i", params, result, nullptr, true)),
            R"({"id":"i","text":"t","num_prompt_tokens":3,"num_output_tokens":2,)"
            R"("finish_reason":"length","stop_reason":"s","token_ids":[1,2],"logprobs":[],)"
            R"("prompt_logprobs":[null],)"
            R"("timings":{"queue_s":0.5,"first_token_s":1,"total_s":2}})");
  EXPECT_EQ(prompt_error_line(int64_t{4}, field_error(ErrorCode::kInvalidArgument, "n", "bad"), 4),
            R"({"id":4,"error":{"message":"line 4: n: bad","type":"BadRequestError",)"
            R"("param":"n","code":400}})");
}

}  // namespace
}  // namespace ernie
