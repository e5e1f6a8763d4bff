#include <gtest/gtest.h>

#include <limits>

#include "api/openai_json.h"
#include "fake_engine.h"
#include "json/text.h"

namespace ernie {
namespace {

constexpr TokenId byte_id(unsigned char byte) { return 3 + byte; }

class Response : public testing::Test {
 protected:
  Response() {
    context_.id = "cmpl-1";
    context_.model = "m";
    context_.tokenizer = tokenizer_.get();
    context_.prompt_ids = {byte_id('a'), byte_id(0xE4)};
    request_.prompt = "a\xE4";
    result_.text = "bc";
    result_.finish_reason = FinishReason::kStop;
    result_.num_prompt_tokens = 2;
    result_.num_output_tokens = 2;
    result_.logprobs = {{byte_id('b'), -0.5f, 2, {{byte_id('c'), -0.25f}, {byte_id('b'), -0.5f}}},
                        {2, -std::numeric_limits<float>::infinity(), 9, {}}};
    result_.prompt_logprobs = {{byte_id(0xE4), -1.5f, 3, {{byte_id(0xE5), -1.0f}}}};
  }
  std::string completion() { return json_text(completion_body(request_, result_, context_)); }

  std::shared_ptr<const Tokenizer> tokenizer_ = make_fake_tokenizer();
  ResponseContext context_;
  ApiRequest request_;
  GenerationResult result_;
};

TEST_F(Response, Completion) {
  EXPECT_EQ(completion(),
            R"({"id":"cmpl-1","object":"text_completion","created":0,"model":"m","choices":[)"
            R"({"index":0,"text":"bc","logprobs":null,"finish_reason":"stop","stop_reason":null}],)"
            R"("usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}})");
}

TEST_F(Response, CompletionLogprobsShowPartsOfCharactersAsBytes) {
  request_.params.logprobs = 1;
  result_.stop_reason = "x";
  EXPECT_NE(completion().find(
                R"("logprobs":{"tokens":["b","<s>"],"token_logprobs":[-0.5,-9999],)"
                R"("top_logprobs":[{"b":-0.5,"c":-0.25},{"<s>":-9999}],"text_offset":[0,1]},)"
                R"("finish_reason":"stop","stop_reason":"x")"),
            std::string::npos)
      << completion();
}

TEST_F(Response, EchoPutsThePromptBeforeTheText) {
  request_.prompt = "ä";
  request_.echo = true;
  request_.params.logprobs = 0;
  EXPECT_NE(completion().find(
                R"("text":"äbc","logprobs":{"tokens":["a","bytes:\\xe4","b","<s>"],)"
                R"("token_logprobs":[null,-1.5,-0.5,-9999],"top_logprobs":[null,)"
                R"({"bytes:\\xe4":-1.5},{"b":-0.5},{"<s>":-9999}],"text_offset":[0,1,2,3]})"),
            std::string::npos)
      << completion();
}

TEST_F(Response, Chat) {
  request_.params.logprobs = 2;
  request_.params.prompt_logprobs = 0;
  const std::string text = json_text(chat_body(request_, result_, context_));
  EXPECT_NE(text.find(R"("object":"chat.completion")"), std::string::npos);
  EXPECT_NE(text.find(R"("message":{"role":"assistant","content":"bc"},"logprobs":{"content":[)"
                      R"({"token":"b","logprob":-0.5,"bytes":[98],"top_logprobs":[)"
                      R"({"token":"c","logprob":-0.25,"bytes":[99]},)"
                      R"({"token":"b","logprob":-0.5,"bytes":[98]}]})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("prompt_logprobs":[null,{"231":{"logprob":-1.5,"rank":3,)"
                      R"("decoded_token":"�"}}])"),
            std::string::npos)
      << text;
}

TEST_F(Response, WithoutATokenizerTokensAreIds) {
  context_.tokenizer = nullptr;
  request_.params.logprobs = 0;
  EXPECT_NE(completion().find(R"("tokens":["token_id:101","token_id:2"])"), std::string::npos)
      << completion();
}

TEST(ErrorObject, NamesTheFieldAndTheStatus) {
  EXPECT_EQ(json_text(error_object(field_error(ErrorCode::kInvalidArgument, "top_p", "got 7"))),
            R"({"message":"top_p: got 7","type":"BadRequestError","param":"top_p","code":400})");
  EXPECT_EQ(json_text(error_object(field_error(ErrorCode::kNotFound, "model", "x"))),
            R"({"message":"model: x","type":"NotFoundError","param":"model","code":404})");
  EXPECT_EQ(json_text(error_object({ErrorCode::kQueueFull, "8 requests are unfinished"})),
            R"({"message":"8 requests are unfinished","type":"RateLimitError","param":null,)"
            R"("code":429})");
  EXPECT_EQ(http_status({ErrorCode::kInternal, "generation failed: nan"}), 500);
  EXPECT_EQ(http_status({ErrorCode::kShuttingDown, ""}), 503);
  EXPECT_EQ(http_status({ErrorCode::kDeviceLost, ""}), 503);
  EXPECT_EQ(http_status({ErrorCode::kIo, "disk full"}), 500);
}

}  // namespace
}  // namespace ernie
