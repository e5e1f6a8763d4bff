#include <gtest/gtest.h>

#include <chrono>

#include "grammar/grammar_test_support.h"

namespace ernie {
namespace {

using testing::admits;
using testing::expect_exact_masks;

GrammarPtr grammar_of(std::string_view source) {
  const auto grammar = compile_ebnf(source);
  EXPECT_TRUE(grammar) << (grammar ? "" : grammar.error().message);
  return grammar ? *grammar : nullptr;
}

std::string refusal(std::string_view source) {
  const auto grammar = compile_ebnf(source);
  return grammar ? "" : grammar.error().message;
}

constexpr std::string_view kArithmetic = R"gbnf(
# sums of products
root  ::= term (("+" | "-") term)*
term  ::= factor ( [*/] factor )*
factor ::= number | "(" ws root ws ")"
number ::= [0-9]+ ("." [0-9]{1,2})?
ws ::= [ \t]*
)gbnf";

TEST(Ebnf, ReadsGbnf) {
  const auto grammar = grammar_of(kArithmetic);
  for (const char* text : {"1", "1+2*3", "(1)", "(1+(2*3.25))/4", "( 1 )"}) {
    EXPECT_TRUE(admits(grammar, text)) << text;
  }
  for (const char* text : {"", "1+", "(1", "1)", "1.234", "()", "a"}) {
    EXPECT_FALSE(admits(grammar, text)) << text;
  }
  expect_exact_masks(grammar, "(1+( 2*3.2))/4");
}

TEST(Ebnf, ReadsEverySpelling) {
  EXPECT_TRUE(admits(grammar_of("root ::= \"a\\n\\x41\\u4e2d\\U0001F432\\\"\" [^a-c\\]] ."),
                     "a\nA中🐲\"d\n"));
  EXPECT_TRUE(
      admits(grammar_of("root::=(\"a\"|\"b\"){2}\"\"[c-]?x-1\nx-1 ::= \"!\" | \"\""), "ab-!"));
  EXPECT_TRUE(admits(grammar_of("root ::= a{2,}\na ::= \"x\" |\n  \"y\"  # two lines\n"), "xyx"));
  EXPECT_FALSE(admits(grammar_of("root ::= a{,2}\na ::= \"x\""), "xxx"));
  const auto json = grammar_of(R"gbnf(
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" (string ":" value ("," string ":" value)*)? "}"
array ::= "[" (value ("," value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ([0-9] | [1-9] [0-9]*) ("." [0-9]+)?)gbnf");
  EXPECT_TRUE(admits(json, R"({"a":[1,{"b":"x\n\u00e9"},null],"c":-1.5})"));
  EXPECT_FALSE(admits(json, R"({"a":[1,}])"));
  expect_exact_masks(json, R"({"a":[1,"é\n"]})");
}

TEST(Ebnf, RightRecursionNeedsNoStack) {
  const auto grammar = grammar_of("root ::= item root | \"\"\nitem ::= \"(\" root \")\" | \"a\"");
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "a(a)";
  EXPECT_TRUE(admits(grammar, text));
  EXPECT_TRUE(admits(grammar, std::string(200, '(') + std::string(200, ')')));
  EXPECT_FALSE(admits(grammar, std::string(20'000, '('))) << "the stack is bounded";
}

TEST(Ebnf, RefusesWhatIsWrong) {
  EXPECT_EQ(refusal("root ::= a \"x\""), "grammar: the rule \"a\" is not defined");
  EXPECT_EQ(refusal("a ::= \"x\""), "grammar: there is no rule \"root\"");
  EXPECT_EQ(
      refusal("root ::= root \"a\" | \"b\""),
      "grammar: rule \"root\": begins with itself (left recursion); write it as a repetition");
  EXPECT_NE(refusal("root ::= a\na ::= b \"x\" | \"y\"\nb ::= c? a"), "") << "indirect";
  EXPECT_NE(refusal("root ::= a\na ::= b a \"x\" | \"y\"\nb ::= \"\" | \"z\""), "")
      << "behind nothing";
  EXPECT_NE(refusal("root ::= (a)*\na ::= \"(\" root \")\" | \"\""), "") << "empty rounds";
  EXPECT_EQ(refusal("root ::= a\na ::= \"x\" a"),
            "grammar: rule \"root\": there is no end to what it matches");
  EXPECT_EQ(refusal("root ::= \"a\"\nroot ::= \"b\""),
            "grammar: line 2: the rule is defined twice");
  for (const char* bad :
       {"", "root", "root ::=\n\"a", "root ::= [a", "root ::= (\"a\"", "root ::= )",
        "root ::= \"a\"{3,2}", "root ::= \"a\"{99999}", "root ::= \"\\xZZ\"", "root ::= (= \"a\")",
        "root ::= \"a\" **", "root ::= [z-a]", "root ::= \"a\" ;"}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
}

TEST(Ebnf, AnythingIsRefusedOrCompiledSoon) {
  std::string doubling = "root ::= r0\n", chain = "root ::= c0\n";
  for (int i = 0; i < 60; ++i) doubling += fmt::format("r{} ::= r{} r{}\n", i, i + 1, i + 1);
  doubling += "r60 ::= \"a\"\n";
  for (int i = 0; i < 3000; ++i) chain += fmt::format("c{}::=c{}\n", i, i + 1);
  chain += "c3000 ::= \"a\"\n";
  for (const std::string& source :
       {std::string(1 << 20, '('), "root ::= " + std::string(60'000, '('), doubling, chain,
        std::string("root ::= (a | a){0,5000} \"b\"\na ::= \"(\" a \")\" | \"x\"")}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto grammar = compile_ebnf(source);
    if (grammar) static_cast<void>(admits(*grammar, "aaaa"));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(time.count(), 5.0) << source.substr(0, 40);
  }
}

TEST(Ebnf, TooManyReadingsEndTheRequestOnly) {
  // Every "a" can be read in as many ways as there are rules.
  std::string source = "root ::= ";
  for (int i = 0; i < 400; ++i) source += fmt::format("r{} | ", i);
  source += "\"x\"\n";
  for (int i = 0; i < 400; ++i)
    source += fmt::format("r{} ::= \"a\" r{} \"b\" | \"{}\"\n", i, i, i);
  const auto constraint = make_constraint(grammar_of(source), testing::demo_vocabulary());
  EXPECT_FALSE(constraint->accept(testing::byte_token('a')));
  EXPECT_FALSE(constraint->can_end());
}

}  // namespace
}  // namespace ernie
