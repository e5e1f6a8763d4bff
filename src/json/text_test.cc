#include "json/text.h"

#include <gtest/gtest.h>

#include <limits>

#include "json/parse.h"

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

TEST(JsonText, FloatsKeepTheirShortestForm) {
  EXPECT_EQ(json_text(shortest_decimal(-0.1f)), "-0.1");
  EXPECT_EQ(json_text(shortest_decimal(16777216.0f)), "16777216");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null");
}

}  // namespace
}  // namespace ernie
