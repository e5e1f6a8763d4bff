#include "engine/generation_result.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

TEST(GenerationResult, CollectsTheNewsOfEveryStep) {
  GenerationResult result;
  RequestOutput first;
  first.text = "a";
  first.token_ids = {1};
  first.logprobs.resize(1);
  EXPECT_FALSE(result.append(first));
  RequestOutput last = first;
  last.finish_reason = FinishReason::kError;
  last.error = "not a number";
  last.num_output_tokens = 2;
  last.num_cached_tokens = 7;
  EXPECT_TRUE(result.append(last));
  EXPECT_EQ(result.text, "aa");
  EXPECT_EQ(result.token_ids, (std::vector<TokenId>{1, 1}));
  EXPECT_EQ(result.logprobs.size(), 2u);
  EXPECT_EQ(result.num_output_tokens, 2);
  EXPECT_EQ(result.num_cached_tokens, 7);
  EXPECT_EQ(checked(result).error().message, "generation failed: not a number");
  EXPECT_EQ(checked(result).error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace ernie
