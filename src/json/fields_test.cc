#include "json/fields.h"

#include <gtest/gtest.h>

#include "json/parse.h"

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

TEST(JsonFields, AProblemKnowsItsField) {
  const auto value = parse_json(R"({"role":7,"a b":1})");
  JsonFields fields(value->get_object(), "messages[2].");
  std::string role;
  fields.read("role", role);
  EXPECT_EQ(fields.finish().error().field, "messages[2].role");
  JsonFields others(value->get_object(), "messages[2].");
  others.ignore({"role"});
  EXPECT_EQ(others.finish().error().message, R"(messages[2]."a b": unknown field)");
  EXPECT_EQ(others.finish().error().field, "") << "no name to give to anybody";
}

TEST(JsonFields, FindsEveryProblemOfAFile) {
  const auto value = parse_json(R"({"k":65,"k2":64,"list":[1,"x"],"one":3,"eps":-1,"flag":1})");
  JsonFields fields(value->get_object(),
                    JsonFields::Place{"c.json: ", "", ErrorCode::kCorruptData});
  EXPECT_EQ(fields.integer({"k", "k2"}, 1, 64), 0);
  EXPECT_EQ(fields.integer({"absent"}, 1, 9), 0);
  EXPECT_EQ(fields.integer({"absent"}, 1, 9, 5), 5);
  EXPECT_TRUE(fields.integers({"list"}, 0, 9, {}).empty());
  EXPECT_EQ(fields.integers({"one"}, 0, 9, {}), std::vector<int64_t>{3});
  EXPECT_EQ(fields.number({"eps"}, 0, 1, 0.5), 0.5);
  EXPECT_FALSE(fields.boolean({"flag"}));
  fields.refuse(ErrorCode::kUnsupported, "one", "3", "4");
  std::vector<std::string> messages;
  for (const Error& problem : fields.problems()) messages.push_back(problem.message);
  EXPECT_EQ(messages,
            (std::vector<std::string>{
                "c.json: k2: got 64, expected 65 as under its other name k",
                "c.json: k: got 65, expected an integer from 1 to 64",
                "c.json: absent: got nothing, expected an integer from 1 to 9",
                "c.json: list: got \"x\", expected an integer from 0 to 9",
                "c.json: eps: got -1, expected a number from 0 to 1",
                "c.json: flag: got 1, expected true or false", "c.json: one: got 3, expected 4"}));
  EXPECT_EQ(fields.problems().front().field, "k2");
  EXPECT_EQ(fields.problems().front().code, ErrorCode::kCorruptData);
  EXPECT_EQ(fields.problems().back().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace ernie
