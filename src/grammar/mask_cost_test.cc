#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "grammar/grammar_test_support.h"

namespace ernie {
namespace {

constexpr int64_t kRows = 103'424;

std::optional<std::string> genuine_directory() {
  const char* variable = std::getenv("ERNIE_TOKENIZER_DIR");
  std::string path = variable ? variable : ERNIE_SOURCE_DIR "/../shared/data/ernie45";
  if (access((path + "/tokenizer.model").c_str(), R_OK) != 0) return std::nullopt;
  return path;
}

/// Of this thread's processor time: other programs must not count.
double now_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

/// Prints what masks cost along a text, the first time and again, and bounds it loosely.
void measure(const std::string& name, const GrammarPtr& grammar, const Tokenizer& tokenizer,
             std::string_view text) {
  const auto vocabulary = TokenVocabulary::create(tokenizer, kRows);
  std::vector<double> times[2];
  for (auto& round : times) {
    const auto constraint = make_constraint(grammar, vocabulary);
    std::vector<uint64_t> mask;
    for (const TokenId id : tokenizer.encode(text, SpecialTokens::kAsText)) {
      mask.assign(kRows / 64, ~uint64_t{0});
      const double begin = now_us();
      constraint->restrict_to_allowed(mask);
      ASSERT_TRUE(testing::is_allowed(mask, id)) << name << ": " << tokenizer.token_bytes(id);
      ASSERT_TRUE(constraint->accept(id));
      round.push_back(now_us() - begin);
    }
    EXPECT_TRUE(constraint->can_end()) << name;
    std::sort(round.begin(), round.end());
  }
  std::printf(
      "%-12s first time: median %6.0f us, worst %6.0f us; again: median %6.0f us, worst %6.0f us\n",
      name.c_str(), times[0][times[0].size() / 2], times[0].back(), times[1][times[1].size() / 2],
      times[1].back());
  EXPECT_LT(times[0].back(), 50'000) << name;
}

TEST(MaskCost, AtTheFullVocabulary) {
  const auto directory = genuine_directory();
  if (!directory) GTEST_SKIP() << "the published tokenizer is not here: set ERNIE_TOKENIZER_DIR";
  const auto tokenizer = Tokenizer::load(*directory).value();
  const double begin = now_us();
  const auto vocabulary = TokenVocabulary::create(*tokenizer, kRows);
  std::printf("tree: %.0f ms, %.1f MB\n", (now_us() - begin) / 1000,
              static_cast<double>(vocabulary->num_bytes()) / 1e6);
  const auto schema = testing::schema_grammar(R"j({"type":"object","properties":{
      "name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
      "mail":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":20}},
      "note":{"type":["string","null"]}},"required":["name","age","mail"],"additionalProperties":false})j");
  const std::string text = R"({"name":"Annie Müller 中文","age":37,"mail":"annie.m@example.com",)"
                           R"("tags":["engineer","北京","a \"quoted\" one"],"note":null})";
  measure("schema", schema, *tokenizer, text);
  measure("any object", compile_json_object().value(), *tokenizer, text);
  measure("regex", compile_regex("[A-Z][a-z ]*, \\d{4}-\\d{2}-\\d{2}(: .*)?").value(), *tokenizer,
          "Done today, 2024-11-05: all of it, 全部");
  measure("choice", compile_choice({"positive", "negative", "neutral"}).value(), *tokenizer,
          "neutral");
  measure("ebnf",
          compile_ebnf(R"gbnf(
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" (string ":" value ("," string ":" value)*)? "}"
array ::= "[" (value ("," value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ([0-9] | [1-9] [0-9]*) ("." [0-9]+)?)gbnf")
              .value(),
          *tokenizer, text);
}

}  // namespace
}  // namespace ernie
