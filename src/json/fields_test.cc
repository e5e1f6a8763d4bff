#include "json/fields.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace ernie {
namespace {

std::string problem_of(const JsonFields& fields) {
  const auto done = fields.finish();
  return done ? "" : done.error().message;
}

/// The problem with {"f": text} read as T, "" if there is none.
template <typename T>
std::string read_as(std::string_view text) {
  const auto value = parse_json(fmt::format(R"({{"f":{}}})", text));
  JsonFields fields(value->get_object());
  T out{};
  fields.read("f", out);
  return problem_of(fields);
}

TEST(JsonFields, IntegersAreWrittenAsIntegersAndFit) {
  EXPECT_EQ(read_as<int32_t>("-7"), "");
  EXPECT_EQ(read_as<int32_t>("2147483647"), "");
  EXPECT_EQ(read_as<int64_t>("-9223372036854775808"), "");
  for (const auto text : {"1.0", "1e3", "\"1\"", "true", "[]", "{}", "2147483648", "-2147483649",
                          "9007199254740993", "1e308"}) {
    EXPECT_TRUE(read_as<int32_t>(text).starts_with("f: got ")) << text;
  }
  EXPECT_EQ(read_as<int64_t>("18446744073709551615"),
            "f: got 18446744073709551615, expected an integer of 64 bits");
}

TEST(JsonFields, NumbersAreFinite) {
  EXPECT_EQ(read_as<float>("1"), "");
  EXPECT_EQ(read_as<float>("-1.5e3"), "");
  for (const auto text : {"1e39", "-1e300", "1e999", "\"1\"", "false", "[1]"}) {
    EXPECT_FALSE(read_as<float>(text).empty()) << text;
  }
}

TEST(JsonFields, NullIsAbsent) {
  EXPECT_EQ(read_as<int32_t>("null"), "");
  EXPECT_EQ(read_as<bool>("null"), "");
  EXPECT_EQ(read_as<std::string>("null"), "");
}

TEST(JsonFields, FirstProblemIsKeptAndUnknownFieldsComeLast) {
  const auto value = parse_json(R"({"typo":1,"a":true,"b":"x","ok":null})");
  JsonFields fields(value->get_object(), "body.");
  int32_t a = 0;
  bool b = false;
  fields.read("a", a);
  fields.read("b", b);
  fields.ignore({"ok"});
  EXPECT_EQ(problem_of(fields), "body.a: got true, expected an integer of 32 bits");

  JsonFields others(value->get_object(), "body.");
  others.ignore({"a", "b", "ok"});
  EXPECT_EQ(problem_of(others), "body.typo: unknown field");
}

TEST(JsonFields, MessagesAreShort) {
  const std::string message = read_as<int32_t>("\"" + std::string(1000, 'x') + "\"");
  EXPECT_LT(message.size(), 150u);
  const std::string chinese = read_as<int32_t>("\"" + std::string(59, 'x') + "你你\"");
  EXPECT_TRUE(parse_json("\"" + chinese.substr(chinese.find('x')).substr(0, 58) + "\""));
}

TEST(JsonFields, MessagesAreOneLine) {
  const auto value = parse_json(R"({"a\nb":1})");
  EXPECT_EQ(problem_of(JsonFields(value->get_object())), R"("a\nb": unknown field)");
}

TEST(JsonFields, FieldOfAMessage) {
  EXPECT_EQ(field_of("top_p: got 7"), "top_p");
  EXPECT_EQ(field_of("messages[2].role: got 7"), "messages[2].role");
  EXPECT_EQ(field_of("not valid JSON: x"), "");
  EXPECT_EQ(field_of("nothing"), "");
}

}  // namespace
}  // namespace ernie
