#include "base/utf8.h"

#include <gtest/gtest.h>

#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using Kind = Utf8Unit::Kind;

TEST(Utf8, EveryCharacterIsReadBack) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    testing::append_utf8(text, c);
    const Utf8Unit unit = first_utf8_unit(text + "x");
    ASSERT_EQ(unit.kind, Kind::kCharacter) << c;
    ASSERT_EQ(unit.code_point, c);
    ASSERT_EQ(unit.size, text.size()) << c;
    for (size_t n = 1; n < text.size(); ++n) {
      ASSERT_EQ(first_utf8_unit(text.substr(0, n)).kind, Kind::kIncomplete) << c;
      ASSERT_EQ(first_utf8_unit(text.substr(0, n)).size, n) << c;
    }
  }
}

std::string sanitized(std::string_view bytes) {
  std::string out;
  if (append_as_utf8(bytes, out) > 0) out += "<incomplete>";
  return out;
}

TEST(Utf8, MaximalSubpartsBecomeOneReplacementEach) {
  // The Unicode standard's own example, table 3-8.
  EXPECT_EQ(sanitized("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(sanitized("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(sanitized("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(sanitized("\xF4\x90\x80\x80\xF5"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(sanitized("ok\xE4\xB8"), "ok<incomplete>");
}

TEST(Utf8, ValidityOfTheWhole) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("aé中😀"));
  EXPECT_FALSE(is_utf8("a\xE4\xB8"));
  EXPECT_FALSE(is_utf8("\xFF"));
}

TEST(Utf8, MessagesStayOnOneLine) {
  EXPECT_EQ(in_quotes("a\n\"中\xFF"), "\"a\\x0A\\x22中\\xFF\"");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(64, 'x') + "…\"");
}

TEST(VisibleText, HidesNothingThatATerminalWouldObey) {
  EXPECT_EQ(visible_text("a\x1b[2J中\u009b1m\x7f\xff\n\t\r"),
            "a\\x1B[2J中\\xC2\\x9B1m\\x7F\\xFF\\x0A\\x09\\x0D");
  EXPECT_EQ(visible_text("a\n\tb\r", "\n\t"), "a\n\tb\\x0D");
  EXPECT_EQ(visible_text(std::string("\0x", 2), "\n"), "\\x00x");
  EXPECT_EQ(visible_text("\xe4\xb8"), "\\xE4\\xB8");
}

}  // namespace
}  // namespace ernie
