#include "engine/check_request.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ernie {
namespace {

constexpr EngineLimits kLimits{.vocab_size = 320, .max_model_len = 96, .has_tokenizer = true};

GenerationRequest request_of(size_t prompt_length, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt_ids.assign(prompt_length, 5);
  request.params.max_tokens = max_tokens;
  return request;
}

std::string message(const GenerationRequest& request, const EngineLimits& limits = kLimits) {
  const auto checked = check_request(request, limits);
  return checked ? std::string("accepted") : checked.error().message;
}

TEST(CheckRequest, LengthsUpToTheLimit) {
  EXPECT_EQ(message(request_of(0, 1)), "prompt: got no tokens, expected at least 1");
  EXPECT_EQ(message(request_of(1, 1)), "accepted");
  EXPECT_EQ(message(request_of(95, 1)), "accepted");
  EXPECT_EQ(message(request_of(95, 1000)), "accepted") << "ends at max_model_len";
  EXPECT_EQ(message(request_of(96, 1)),
            "prompt: got 96 tokens, expected at most 95 (max_model_len 96)");
  EXPECT_EQ(message(request_of(96, 0)), "accepted") << "nothing is generated";
  EXPECT_EQ(message(request_of(97, 0)),
            "prompt: got 97 tokens, expected at most 96 (max_model_len 96)");
}

TEST(CheckRequest, IdsAreRowsOfTheHead) {
  GenerationRequest request = request_of(3, 1);
  request.prompt_ids[2] = 319;
  EXPECT_EQ(message(request), "accepted");
  request.prompt_ids[2] = 320;
  EXPECT_EQ(message(request), "prompt: token 2: got id 320, expected 0 to 319");
  request.prompt_ids[2] = -1;
  EXPECT_EQ(message(request), "prompt: token 2: got id -1, expected 0 to 319");
}

TEST(CheckRequest, ParametersAreValidated) {
  GenerationRequest request = request_of(3, 1);
  request.params.temperature = NAN;
  EXPECT_TRUE(message(request).starts_with("temperature: "));
  request = request_of(3, 1);
  request.params.stop_token_ids = {320};
  EXPECT_TRUE(message(request).starts_with("stop_token_ids")) << message(request);
}

TEST(CheckRequest, StopStringsNeedATokenizer) {
  GenerationRequest request = request_of(3, 1);
  request.params.stop = {"x"};
  EXPECT_EQ(message(request), "accepted");
  EXPECT_TRUE(message(request, {.vocab_size = 320, .max_model_len = 96, .has_tokenizer = false})
                  .starts_with("stop: "));
}

}  // namespace
}  // namespace ernie
