#include "text/end_ids.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using Ids = std::vector<TokenId>;

std::shared_ptr<const Tokenizer> tokenizer_with(std::string_view added_tokens) {
  Tokenizer::Files files;
  files.model = *ByteSource::map_file(testing::tiny_directory() + "/tokenizer.model");
  files.added_tokens = ByteSource::from_static(
      "added", std::as_bytes(std::span(added_tokens.data(), added_tokens.size())));
  return *Tokenizer::from_files(files);
}

TEST(EndIds, AreTheTokensThatStandBehindTurns) {
  const auto plain = testing::load_or_die(testing::tiny_directory());
  const TokenId end_of_sentence = plain->special_id("<|end_of_sentence|>").value();
  EXPECT_EQ(turn_end_ids(*plain, ChatTemplateKind::kErnie45), Ids{end_of_sentence});
  EXPECT_EQ(text_end_ids(*plain), Ids{end_of_sentence});
  const auto conversation =
      encode_chat(*plain, ChatTemplateKind::kErnie45, {{"assistant", "x", "", {}}},
                  {.add_generation_prompt = false});
  EXPECT_EQ(conversation->back(), end_of_sentence);

  const auto thinking =
      tokenizer_with(R"({"<|im_start|>": 500, "<|im_end|>": 501, "<think>": 502})");
  EXPECT_EQ(turn_end_ids(*thinking, ChatTemplateKind::kErnie45Thinking), Ids{501});
  const auto turns = encode_chat(*thinking, ChatTemplateKind::kErnie45Thinking,
                                 {{"user", "x", "", {}}}, {.add_generation_prompt = false});
  EXPECT_EQ(std::ranges::count(*turns, 501), 2) << "of the system and of the user";
}

TEST(EndIds, OfAVocabularyWithoutThemAreNone) {
  const auto thinking = tokenizer_with(R"({"<|im_start|>": 500, "<|im_end|>": 501})");
  EXPECT_TRUE(text_end_ids(*thinking).empty());
  const auto plain = testing::load_or_die(testing::tiny_directory());
  EXPECT_TRUE(turn_end_ids(*plain, ChatTemplateKind::kErnie45Thinking).empty());
}

}  // namespace
}  // namespace ernie
