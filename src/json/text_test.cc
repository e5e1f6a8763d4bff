#include "json/text.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <limits>

namespace ernie {
namespace {

std::string round_trip(std::string_view text) {
  const auto value = parse_json(text);
  return value ? json_text(*value) : "error: " + value.error().message;
}

TEST(JsonText, WritesWhatItRead) {
  EXPECT_EQ(round_trip(R"( {"b":[1,-2,true,null,{}],"a":"x\n\"你"} )"),
            R"({"b":[1,-2,true,null,{}],"a":"x\n\"你"})");
  EXPECT_EQ(round_trip("[0.1,1e3,-0.5,18446744073709551615]"),
            "[0.1,1000,-0.5,18446744073709551615]");
  EXPECT_EQ(round_trip(R"(["{","[",{"a":[[]]}])"), R"(["{","[",{"a":[[]]}])");
}

TEST(JsonText, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_EQ(round_trip(R"({"a":1,"b":{"a":2}})"), R"({"a":1,"b":{"a":2}})");
  EXPECT_EQ(round_trip(R"({"a":1,"b":2,"a":3})"), "error: a: the key is there twice");
  EXPECT_EQ(round_trip(R"([{"x":{"k":1,"\u006b":2}}])"), "error: k: the key is there twice");
  EXPECT_EQ(round_trip(R"({"a\n":1,"a\n":2})"), R"(error: "a\n": the key is there twice)");
}

TEST(JsonText, RefusesDefects) {
  for (const std::string_view text :
       {"", " ", "{", "[1,]", "{} x", "nul", "01", "NaN", "'a'", "{\"a\":1,}", "\"\xff\"",
        "\"\xc0\xaf\"", "\"\\ud800\"", "\xef\xbb\xbf{}", "[1] [2]", "// c\n1"}) {
    EXPECT_TRUE(round_trip(text).starts_with("error: not valid JSON at byte")) << text;
  }
}

TEST(JsonText, BoundsDepthAndSize) {
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

TEST(JsonText, FloatsKeepTheirShortestForm) {
  EXPECT_EQ(json_text(shortest_decimal(-0.1f)), "-0.1");
  EXPECT_EQ(json_text(shortest_decimal(16777216.0f)), "16777216");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null");
}

}  // namespace
}  // namespace ernie
