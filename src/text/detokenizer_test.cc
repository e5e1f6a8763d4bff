#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using testing::load_or_die;
using testing::tiny_directory;

constexpr TokenId kFirstByte = 14;

TEST(StreamingDetokenizer, HoldsBackAnUnfinishedCharacter) {
  StreamingDetokenizer stream(load_or_die(tiny_directory()));
  EXPECT_EQ(stream.push(kFirstByte + '\n'), "\n");
  EXPECT_EQ(stream.push(kFirstByte + 0xF0), "");
  EXPECT_EQ(stream.push(kFirstByte + 0x9F), "");
  EXPECT_EQ(stream.push(kFirstByte + 0x98), "");
  EXPECT_EQ(stream.push(kFirstByte + 0x80), "😀");
  EXPECT_EQ(stream.push(kFirstByte + 0xE4), "");
  EXPECT_EQ(stream.push(kFirstByte + 'x'), "\uFFFDx");
  EXPECT_EQ(stream.push(kFirstByte + 0xE4), "");
  EXPECT_EQ(stream.push(1), "");  // left out, and no interruption
  EXPECT_EQ(stream.push(kFirstByte + 0xB8), "");
  EXPECT_EQ(stream.push(kFirstByte + 0xAD), "中");
  EXPECT_EQ(stream.push(kFirstByte + 0xE4), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamingDetokenizer, PiecesAreWholeCharactersAndMakeUpTheWhole) {
  const auto tokenizer = load_or_die(tiny_directory());
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::vector<TokenId> ids;
    for (size_t n = random() % 30; n > 0; --n) {
      ids.push_back(random() % 3 ? static_cast<TokenId>(kFirstByte + 0x80 + random() % 128)
                                 : static_cast<TokenId>(random() % 450) - 5);
    }
    const bool keep_special = i % 2 == 0;
    StreamingDetokenizer stream(tokenizer, keep_special);
    std::string text;
    for (const TokenId id : ids) {
      const std::string piece = stream.push(id);
      ASSERT_TRUE(is_utf8(piece));
      text += piece;
    }
    text += stream.finish();
    ASSERT_EQ(text, tokenizer->decode(ids, keep_special));
  }
}

}  // namespace
}  // namespace ernie
