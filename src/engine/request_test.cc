#include "engine/request.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

TEST(MergeOutputs, KeepsTheOrderAndTheEnd) {
  RequestOutput first, second, last;
  first.request_id = second.request_id = last.request_id = 7;
  first.text = "ab";
  first.token_ids = {1, 2};
  first.prompt_logprobs = {{.token_id = 9}};
  second.text = "c";
  second.token_ids = {3};
  second.logprobs = {{.token_id = 3, .logprob = -1}};
  last.logprobs = {{.token_id = 4, .top = {{5, -2}}}};
  last.finish_reason = FinishReason::kStop;
  last.stop_reason = "x";
  last.error = "e";
  last.num_prompt_tokens = 2;
  last.num_output_tokens = 4;
  last.num_cached_tokens = 1;
  last.timings.total_s = 3;

  merge(first, second);
  EXPECT_EQ(first.text, "abc");
  EXPECT_EQ(first.token_ids, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_FALSE(first.finish_reason);
  merge(first, last);
  EXPECT_EQ(first.request_id, 7u);
  ASSERT_EQ(first.logprobs.size(), 2u);
  EXPECT_EQ(first.logprobs[0].token_id, 3);
  EXPECT_EQ(first.logprobs[1].top[0].token_id, 5);
  EXPECT_EQ(first.prompt_logprobs.size(), 1u);
  EXPECT_EQ(first.finish_reason, FinishReason::kStop);
  EXPECT_EQ(first.stop_reason, "x");
  EXPECT_EQ(first.error, "e");
  EXPECT_EQ(first.num_prompt_tokens, 2);
  EXPECT_EQ(first.num_output_tokens, 4);
  EXPECT_EQ(first.num_cached_tokens, 1);
  EXPECT_EQ(first.timings.total_s, 3);
}

}  // namespace
}  // namespace ernie
