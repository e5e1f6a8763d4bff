#include "json/parse.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace ernie {
namespace {

std::string round_trip(std::string_view text) {
  const auto value = parse_json(text);
  return value ? json_text(*value) : "error: " + value.error().message;
}

TEST(JsonParse, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_EQ(round_trip(R"({"a":1,"b":{"a":2}})"), R"({"a":1,"b":{"a":2}})");
  EXPECT_EQ(round_trip(R"({"a":1,"b":2,"a":3})"), "error: a: the key is there twice");
  EXPECT_EQ(round_trip(R"([{"x":{"k":1,"\u006b":2}}])"), "error: k: the key is there twice");
  EXPECT_EQ(round_trip(R"({"a\n":1,"a\n":2})"), R"(error: "a\n": the key is there twice)");
}

TEST(JsonParse, RefusesDefects) {
  for (const std::string_view text :
       {"", " ", "{", "[1,]", "{} x", "nul", "01", "NaN", "'a'", "{\"a\":1,}", "\"\xff\"",
        "\"\xc0\xaf\"", "\"\\ud800\"", "\xef\xbb\xbf{}", "[1] [2]", "// c\n1"}) {
    EXPECT_TRUE(round_trip(text).starts_with("error: not valid JSON at byte")) << text;
  }
}

TEST(JsonParse, BoundsDepthAndSize) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_FALSE(parse_json(nested(65)));
  EXPECT_FALSE(parse_json(std::string(1 << 20, '[')));
  std::string wide = "[0";
  for (int i = 1; i < (1 << 20); ++i) wide += ",0";
  EXPECT_TRUE(parse_json(wide + "]"));
  EXPECT_FALSE(parse_json(wide + ",0]"));
}

TEST(JsonParse, ADuplicateKeyIsTheFieldThatIsWrong) {
  EXPECT_EQ(parse_json(R"({"top_p":1,"top_p":2})").error().field, "top_p");
  EXPECT_EQ(parse_json(R"({"a\n":1,"a\n":2})").error().field, "") << "no name to give to anybody";
  EXPECT_EQ(parse_json("{").error().field, "");
}

std::string file_error(std::string_view text) {
  const auto object = parse_json_object(text, "f.json");
  return object ? "" : object.error().message;
}

TEST(JsonParse, AFileIsOneObjectOfAnyWidth) {
  EXPECT_EQ(file_error(R"({"a":[1,{"a":2}]})"), "");
  EXPECT_EQ(file_error("[1]"), "f.json: got a list, expected a JSON object");
  EXPECT_EQ(file_error("{} {}"), "f.json: got invalid JSON after byte 3 (extra data)");
  EXPECT_EQ(file_error(R"({"":1,"":2})"), "f.json: got the key \"\" twice, expected it once");
  std::string wide = "{";
  for (int i = 0; i < 5000; ++i) wide += fmt::format("\"{}\":0,", i);
  EXPECT_EQ(file_error(wide + "\"x\":0}"), "");
  EXPECT_FALSE(parse_json(wide + "\"x\":0}")) << "a line is bounded";
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(file_error(nested(31)), "");
  EXPECT_NE(file_error(nested(32)), "");
}

}  // namespace
}  // namespace ernie
