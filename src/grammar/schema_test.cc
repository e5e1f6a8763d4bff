#include <gtest/gtest.h>

#include <chrono>

#include "grammar/grammar_test_support.h"

namespace ernie {
namespace {

using testing::admits;
using testing::expect_exact_masks;
using testing::schema_grammar;

std::string refusal(std::string_view schema) {
  const auto grammar = compile_json_schema(parse_json(schema).value());
  return grammar ? "" : grammar.error().message;
}

void expect_texts(std::string_view schema, std::initializer_list<std::string_view> valid,
                  std::initializer_list<std::string_view> invalid) {
  const auto grammar = schema_grammar(schema);
  ASSERT_NE(grammar, nullptr);
  for (const auto text : valid) EXPECT_TRUE(admits(grammar, text)) << schema << ": " << text;
  for (const auto text : invalid) EXPECT_FALSE(admits(grammar, text)) << schema << ": " << text;
}

constexpr std::string_view kPerson = R"({"type":"object","properties":{
  "name":{"type":"string","minLength":1,"maxLength":5},"age":{"type":"integer","minimum":0,"maximum":150},
  "tags":{"type":"array","items":{"enum":["a","bc",3,null]},"maxItems":2}},
  "required":["name","age"],"additionalProperties":false})";

TEST(Schema, MembersComeInAnyOrderAndOnce) {
  expect_texts(
      kPerson,
      {R"({"name":"Ann","age":3})",
       R"({"age":150,"tags":["bc",3],"name":"é中\n\u00e9\ud83d\udc32"})"},
      {R"({"name":"Ann"})", R"({"age":3,"name":"Ann","age":3})", R"({"age":3,"name":"Ann","x":1})",
       R"({"age":151,"name":"Ann"})", R"({"age":1,"name":"sixsix"})", R"({"age":1,"name":""})",
       R"({"age": 1,"name":"a"})", R"({"age":1,"name":"a","tags":[1]})", R"({"age":01,"name":"a"})",
       R"({"age":1,"name":"a","tags":["a","a","a"]})", R"({"age":1,"name":"a",})",
       R"({"age":1,"\u006eame":"a","name":"b"})"});
}

TEST(Schema, MasksAreExact) {
  expect_exact_masks(schema_grammar(kPerson), R"({"age":12,"name":"a\u00e9","tags":["a",3]})");
  expect_exact_masks(schema_grammar(R"({"type":"object","maxProperties":3,"required":["the"]})"),
                     R"({"a":{"b":[1.5,"x"]},"in":true,"the":null})");
  expect_exact_masks(schema_grammar("{}"), R"([{"a":"\"","a b":-1e5},false])");
  expect_exact_masks(
      schema_grammar(R"({"anyOf":[{"type":"object","properties":{"kind":{"const":"one"}},
      "required":["kind"],"additionalProperties":{"type":"number"}},
      {"type":"object","properties":{"kind":{"const":"other"}},"patternProperties":{"^o":{"type":"string"}}}]})"),
      R"({"o":"t","kind":"other"})");
}

TEST(Schema, MembersThatMustBreakARuleNeedRoom) {
  constexpr std::string_view kNoC =
      R"("not":{"patternProperties":{"c":{"const":1}}},"type":"object")";
  EXPECT_NE(refusal(fmt::format(R"({{{},"maxProperties":0}})", kNoC)).find("no value"),
            std::string::npos);
  EXPECT_NE(
      refusal(fmt::format(R"({{{},"maxProperties":1,"required":["a"]}})", kNoC)).find("no value"),
      std::string::npos);
  expect_texts(fmt::format(R"({{{},"maxProperties":1,"required":["c"]}})", kNoC), {R"({"c":2})"},
               {R"({"c":1})"});
}

TEST(Schema, NumbersKeepTheirBounds) {
  expect_texts(R"({"type":"integer","minimum":-3,"exclusiveMaximum":12})",
               {"-3", "0", "-0", "11", "11.0", "-1"},
               {"-4", "12", "1.5", "11.00", "1e1", "-", "+1", "00"});
  expect_texts(R"({"type":"number","multipleOf":0.01,"maximum":1e20})",
               {"0.5", "1.25", "-7", "100000000000000000000", "1e+20", "1.5e+16"},
               {"0.125", "1e+21", "1e-05", "1.", ".5"});
  expect_texts(R"({"type":"number","exclusiveMinimum":0})", {"1e-07", "0.1", "5e+300"},
               {"0", "0.0", "-1"});
  expect_texts(R"({"enum":[1.5,-2,1e100,0]})", {"1.5", "-2", "-2.0", "1e+100", "0", "0.0"},
               {"1", "2", "1.51", "1.50", "-2.00", "0.00"});
  expect_texts(R"({"enum":[0.001,1e-7]})", {"0.001", "1e-07", "1e-7"}, {"0.0010", "0.01"});
  expect_texts(R"({"multipleOf":0.25})", {"1", "1.0", "1.5", "1.50", "1.25"}, {"1.250", "1.000"});
  expect_texts(R"({"type":"integer"})", {"1e+16", "12345678901234567890", "1.0"},
               {"1.5", "1e2", "1e-05"});
  expect_exact_masks(
      schema_grammar(R"({"type":"integer","minimum":95,"maximum":120,"multipleOf":5})"), "105");
  EXPECT_EQ(refusal(R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})"),
            "$: there is no value of this schema");
}

// A key or a constant has few forms: a model need not choose among escapes of each letter.
TEST(Schema, WhatNeedsNoEscapeHasNone) {
  expect_texts(R"({"const":"a\"\u00e9"})", {R"("a\"é")", R"("a\"\u00e9")", R"("a\"\u00E9")"},
               {R"("\u0061\"é")", R"("a\u0022é")"});
  expect_exact_masks(schema_grammar(R"({"const":"a\"\u00e9\u007f/"})"), R"("a\"\u00e9\u007f\/")");
}

TEST(Schema, PatternsSearchAndCountCharacters) {
  expect_texts(R"({"type":"string","pattern":"b+","maxLength":4})",
               {R"("abba")", R"("\u4E2Db")", R"("中b🐲")"},
               {R"("aa")", R"("aabaa")", R"("b)", R"("\u0062")"});
  expect_texts(R"({"type":"string","format":"date","not":{"pattern":"^19"}})", {R"("2024-02-29")"},
               {R"("2023-02-29")", R"("1999-01-01")", R"("2024-1-1")"});
  expect_texts(R"({"type":"string","format":"int32"})", {R"("anything")"}, {"1"});
  expect_exact_masks(schema_grammar(R"j({"type":"string","pattern":"^(in|the) \"\\d$"})j"),
                     R"("in \"7")");
}

TEST(Schema, ChoicesAreTakenApart) {
  expect_texts(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", {"1", "2.5", R"("x")"},
               {"3", "1.5"});
  expect_texts(
      R"({"oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false},
                            {"properties":{"b":{"type":"string"}},"required":["b"],"additionalProperties":false}]})",
      {R"({"a":"x"})", R"({"b":"x"})"}, {R"({"a":"x","b":"x"})", "{}"});
  expect_texts(
      R"({"type":"object","if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},
                   "else":{"required":["y"]}})",
      {R"({"k":1,"x":0})", R"({"x":0,"k":1.0})", R"({"y":2})", R"({"y":2,"k":2})"},
      {R"({"k":1,"y":0})", R"({"k":2,"x":0})", "{}"});
  expect_texts(R"({"allOf":[{"type":["string","null"]},{"enum":["a",null,1]}]})",
               {R"("a")", "null"}, {"1", R"("b")"});
  std::string union_of_many = R"({"oneOf":[)";
  for (int i = 0; i < 40; ++i) {
    union_of_many += fmt::format(
        R"({}{{"type":"object","properties":{{"kind":{{"const":"k{}"}},"v":{{}}}},"required":["kind"]}})",
        i == 0 ? "" : ",", i);
  }
  expect_texts(union_of_many + "]}", {R"({"v":[1],"kind":"k39"})"}, {R"({"kind":"k40"})"});
}

TEST(Schema, ReferencesMayRecur) {
  const auto list =
      schema_grammar(R"({"$ref":"#/$defs/list","$defs":{"list":{"anyOf":[{"type":"null"},
      {"type":"object","properties":{"next":{"$ref":"#/$defs/list"},"value":{"type":"integer"}},
       "required":["next","value"],"additionalProperties":false}]}}})");
  EXPECT_TRUE(admits(list, R"({"value":1,"next":{"next":null,"value":2}})"));
  EXPECT_FALSE(admits(list, R"({"value":1,"next":{"next":null}})"));
  EXPECT_EQ(refusal(R"({"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}}})"),
            "$.$defs.a: refers to itself for the same value, so that it says nothing");
  EXPECT_EQ(refusal(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
            "$: there is no value of this schema");
  EXPECT_NE(refusal(R"({"$ref":"http://example.com/x"})").find("other documents"),
            std::string::npos);
}

TEST(Schema, RefusalsNameThePlace) {
  EXPECT_EQ(refusal(R"({"properties":{"a":{"frobnicate":1}}})").substr(0, 68),
            "$.properties.a.frobnicate: not supported; supported: type, enum, con");
  EXPECT_EQ(refusal(R"({"items":{"minLength":-1}})"),
            "$.items.minLength: got -1, expected an integer of at least 0");
  EXPECT_EQ(refusal(R"({"type":"strin"})"),
            "$.type: got \"strin\", expected null, boolean, object, array, number, integer, string "
            "or a list of these");
  EXPECT_EQ(refusal(R"j({"pattern":"(?=a)"})j"),
            "$.pattern: looking around cannot be used here, at byte 3 of the pattern");
  EXPECT_NE(refusal(R"({"uniqueItems":true})"), "");
  EXPECT_EQ(refusal("3"), "$: got 3, expected a schema");
  EXPECT_EQ(refusal("false"), "$: there is no value of this schema");
}

TEST(Schema, AnythingIsRefusedOrCompiledSoon) {
  std::string wide = R"({"type":"object","properties":{)", all = R"({"allOf":[)",
              nots = R"({"oneOf":[)";
  for (int i = 0; i < 1500; ++i)
    wide += fmt::format(R"({}"property {}":{{"type":"string"}})", i ? "," : "", i);
  std::string many;
  for (int i = 0; i < 600; ++i) many += fmt::format(R"({{"required":["r{}"]}},)", i);
  for (int i = 0; i < 14; ++i) {
    all += fmt::format(R"({}{{"anyOf":[{{"required":["a{}"]}},{{"required":["b{}"]}}]}})",
                       i ? "," : "", i, i);
    nots += fmt::format(R"({}{{"properties":{{"a{}":{{"minimum":{}}}}},"required":["a{}"]}})",
                        i ? "," : "", i, i, i);
  }
  for (const std::string& schema :
       {wide + R"(},"additionalProperties":false})", all + "]}", nots + "]}",
        std::string(R"({"pattern":"a.{900}b.{900}c","minLength":9000})"),
        wide + R"(},"anyOf":[)" + many + R"({}],"not":{"anyOf":[)" + many + R"({"const":1}]}})",
        std::string(R"({"items":{"minItems":1000000000,"maxLength":4000000000}})")}) {
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(compile_json_schema(parse_json(schema).value()));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(time.count(), 5.0) << schema.substr(0, 80);
  }
  boost::json::value deep = true;
  for (int i = 0; i < 1000; ++i) deep = boost::json::object{{"items", std::move(deep)}};
  EXPECT_EQ(compile_json_schema(deep).error().message, "$: nested deeper than 128 levels");
}

TEST(Schema, AnyObjectIsAnObject) {
  const auto grammar = compile_json_object().value();
  EXPECT_TRUE(admits(grammar, R"({"a":[1,{"b":null}],"":"\u0000 \/"})"));
  EXPECT_TRUE(admits(grammar, "{}"));
  for (const char* text :
       {"[]", "{", "1", R"({"a":1,"a":2})", R"({"a":"\ud800"})", R"({"a":tru})"}) {
    EXPECT_FALSE(admits(grammar, text)) << text;
  }
}

TEST(ToolCalls, AreAListOfCalls) {
  const std::vector<ToolSchema> tools = {
      {"weather",
       parse_json(
           R"({"type":"object","properties":{"city":{"$ref":"#/$defs/c"}},"required":["city"],
                                 "additionalProperties":false,"$defs":{"c":{"enum":["Rome","Oslo"]}}})")
           .value()},
      {"now", nullptr}};
  const auto grammar = compile_tool_calls(tools).value();
  const std::string call = R"({"name":"weather","parameters":{"city":"Oslo"}})";
  EXPECT_TRUE(admits(grammar, "[" + call + "]"));
  EXPECT_TRUE(admits(grammar, "[" + call + R"(,{"parameters":{"x":1},"name":"now"}])"));
  for (const std::string& text :
       {std::string("[]"), call, std::string(R"([{"name":"now"}])"),
        std::string(R"([{"name":"weather","parameters":{"city":"Bern"}}])"),
        std::string(R"([{"name":"other","parameters":{}}])")}) {
    EXPECT_FALSE(admits(grammar, text)) << text;
  }
  const auto one = compile_tool_calls(tools, {1, 1}).value();
  EXPECT_TRUE(admits(one, "[" + call + "]"));
  EXPECT_FALSE(admits(one, "[" + call + "," + call + "]"));
  EXPECT_FALSE(compile_tool_calls({}));
}

}  // namespace
}  // namespace ernie
