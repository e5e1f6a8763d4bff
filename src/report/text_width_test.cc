#include "report/text_width.h"

#include <gtest/gtest.h>

namespace ernie::report {
namespace {

using Lines = std::vector<std::string>;

TEST(DisplayWidth, CountsChineseTwice) {
  EXPECT_EQ(display_width(""), 0);
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("误差"), 4);
  EXPECT_EQ(display_width("（误差，k）"), 11);
  EXPECT_EQ(display_width("█▏│…✗"), 5);
  EXPECT_EQ(display_width("e\xCC\x81"), 1) << "a combining accent";
  EXPECT_EQ(display_width("\xFF"), 1) << "not UTF-8";
}

TEST(CleanText, LeavesOneLineOfUtf8) {
  EXPECT_EQ(clean_text("a\nb\tc\x1b[31m"), "a b c [31m");
  EXPECT_EQ(clean_text("a\xFF误"), "a\xEF\xBF\xBD误");
  EXPECT_EQ(clean_text("\xC2\x85"), " ") << "a control character of two bytes";
  EXPECT_EQ(clean_text("\xE8\xAF"), "\xEF\xBF\xBD") << "cut within a character";
}

TEST(Padded, FillsColumnsAndNotBytes) {
  EXPECT_EQ(padded("误", 4, Align::kLeft), "误  ");
  EXPECT_EQ(padded("1.5", 5, Align::kRight), "  1.5");
  EXPECT_EQ(padded("too long", 3, Align::kLeft), "too long");
}

TEST(Wrapped, BreaksAtSpaces) {
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("one two three", 100), (Lines{"one two three"}));
  EXPECT_EQ(wrapped("", 5), (Lines{""}));
  EXPECT_EQ(wrapped("unbreakable", 4), (Lines{"unbr", "eaka", "ble"}));
}

TEST(Wrapped, BreaksBetweenChineseCharacters) {
  EXPECT_EQ(wrapped("最大误差", 5), (Lines{"最大", "误差"}));
  EXPECT_EQ(wrapped("误差 budget", 6), (Lines{"误差", "budget"}));
  EXPECT_EQ(wrapped("误差", 2), (Lines{"误", "差"}));
}

TEST(Wrapped, NeverExceedsTheWidth) {
  const std::string text = "an error 误差 of 0.5 对 cancelling（相互抵消）inputs_with_a_long_name";
  for (int width = 2; width < 80; ++width) {
    std::string joined;
    for (const std::string& line : wrapped(text, width)) {
      EXPECT_LE(display_width(line), width);
      joined += line;
    }
    std::erase(joined, ' ');
    std::string expected = text;
    std::erase(expected, ' ');
    EXPECT_EQ(joined, expected) << "width " << width;
  }
}

}  // namespace
}  // namespace ernie::report
