#include "engine/user_prompt.h"

#include <gtest/gtest.h>

#include "text/end_ids.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using Ids = std::vector<TokenId>;

class UserPromptTest : public ::testing::Test {
 protected:
  Result<GenerationRequest> request(const UserPrompt& prompt, const SamplingParams& params = {}) {
    return to_generation_request(prompt, params, tokenizer_.get(), ChatTemplateKind::kErnie45);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = testing::load_or_die(testing::tiny_directory());
};

TEST_F(UserPromptTest, TextIsTextAndIdsAreIds) {
  SamplingParams params;
  params.top_k = 7;
  const auto text = request("the <s>", params);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->prompt_ids, tokenizer_->encode("the <s>", SpecialTokens::kAsText));
  EXPECT_EQ(text->params.top_k, 7);
  EXPECT_EQ(request(Ids{5, 4})->prompt_ids, (Ids{5, 4}));
  EXPECT_TRUE(request(Ids{5})->params.stop_token_ids.empty());
}

TEST_F(UserPromptTest, AConversationEndsWithItsTurn) {
  const UserPrompt prompt = user_turn("hi", "Be brief.");
  const auto& messages = std::get<std::vector<ChatMessage>>(prompt);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content, "hi");
  EXPECT_EQ(std::get<std::vector<ChatMessage>>(user_turn("hi", "")).size(), 1u);

  SamplingParams params;
  params.stop_token_ids = {9};
  Ids ends{9};
  const Ids own = turn_end_ids(*tokenizer_, ChatTemplateKind::kErnie45);
  ASSERT_EQ(own.size(), 1u);
  ends.insert(ends.end(), own.begin(), own.end());
  EXPECT_EQ(request(prompt, params)->params.stop_token_ids, ends);
  EXPECT_EQ(request(prompt, params)->prompt_ids,
            encode_chat(*tokenizer_, ChatTemplateKind::kErnie45, messages, {}).value());
  params.ignore_eos = true;
  EXPECT_EQ(request(prompt, params)->params.stop_token_ids, Ids{9});
}

TEST_F(UserPromptTest, ErrorsNameTheField) {
  EXPECT_EQ(request("").error().field, "prompt");
  EXPECT_EQ(request(std::vector<ChatMessage>{{"bot", "x", "", {}}}).error().field,
            "messages[0].role");
  tokenizer_ = nullptr;
  EXPECT_EQ(request("x").error().message,
            "prompt: got text, expected token ids: the model was loaded without a tokenizer");
  EXPECT_TRUE(request(Ids{1}));
}

}  // namespace
}  // namespace ernie
