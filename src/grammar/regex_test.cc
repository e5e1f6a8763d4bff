#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <regex>

#include "grammar/grammar_test_support.h"

namespace ernie {
namespace {

using testing::admits;
using testing::expect_exact_masks;

bool matches(std::string_view pattern, std::string_view text) {
  const auto grammar = compile_regex(pattern);
  EXPECT_TRUE(grammar) << pattern << ": " << (grammar ? "" : grammar.error().message);
  return grammar && admits(*grammar, text);
}

std::string refusal(std::string_view pattern) {
  const auto grammar = compile_regex(pattern);
  return grammar ? "" : grammar.error().message;
}

TEST(Regex, MatchesTheWholeOutput) {
  EXPECT_TRUE(matches("a+b", "aab"));
  EXPECT_FALSE(matches("a+b", "aabc"));
  EXPECT_FALSE(matches("a+b", "xaab"));
  EXPECT_TRUE(matches("^(yes|no)$", "no"));
  EXPECT_TRUE(matches("(?:ab){2,3}?", "ababab"));
  EXPECT_FALSE(matches("(?:ab){2,3}?", "ab"));
  EXPECT_TRUE(matches("(?<year>\\d{4})-(?P<month>\\d\\d)", "2024-11"));
  EXPECT_TRUE(matches("[^\\x00-\\x1F]{2}", "é中"));
  EXPECT_TRUE(matches("\\u4e2d\\ud83d\\udc32.", "中🐲文"));
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_TRUE(matches("a{,2}", "a{,2}")) << "what only looks like a count is text";
  EXPECT_TRUE(matches("^$", ""));
  EXPECT_TRUE(matches("(^a|b$)c?", "a"));
}

TEST(Regex, RefusesWhatItCannotDo) {
  EXPECT_EQ(refusal("(a)\\1"),
            "regex: a reference back to a group cannot be used here, at byte 4 of the pattern");
  EXPECT_EQ(refusal("a(?=b)"),
            "regex: looking around cannot be used here, at byte 4 of the pattern");
  EXPECT_EQ(refusal("\\bword"), "regex: \\b cannot be used here, at byte 2 of the pattern");
  EXPECT_EQ(refusal("\\p{L}"),
            "regex: a Unicode property cannot be used here, at byte 2 of the pattern");
  for (const char* bad : {"(", ")", "[", "a**", "+", "[b-a]", "\\", "a{3,2}", "(?i)a", "\\uD800",
                          "[\\d-z]", "a{20000}", "\\q", "[^]{3}a^"}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
  EXPECT_EQ(refusal("a[^\\s\\S]"), "regex: there is no text that it matches");
}

TEST(Regex, MasksAreExact) {
  for (const auto& [pattern, text] : {std::pair{"[a-z ]+, (the|an) .*", "once, the end"},
                                      {"[\\u4e00-\\u9fff]{1,3}", "中文"},
                                      {"(ab|a)(c|bcd)?", "abcd"},
                                      {"\\d{3}-\\d{4}", "555-1234"}}) {
    expect_exact_masks(compile_regex(pattern).value(), text);
  }
}

/// Expressions without what both engines read differently.
std::string random_pattern(std::mt19937& random, int depth) {
  const auto below = [&](unsigned n) { return random() % n; };
  static constexpr const char* kAtoms[] = {"a", "b", "c", "[ab]", "[^a]", ".", "\\d", "a1", ""};
  std::string text;
  for (unsigned i = 0, n = 1 + below(3); i < n; ++i) {
    std::string part = kAtoms[below(9)];
    if (depth > 0 && below(2) == 0) {
      part =
          "(" + random_pattern(random, depth - 1) + "|" + random_pattern(random, depth - 1) + ")";
    }
    static constexpr const char* kTimes[] = {"*", "+", "?", "{2}", "{1,2}", "", "", "", ""};
    // Repeating groups without end takes the library exponential time.
    const unsigned first = part.starts_with('(') ? 2 : 0;
    if (!part.empty() && part != "a1") part += kTimes[first + below(9 - first)];
    text += part;
  }
  return text;
}

TEST(Regex, AgreesWithTheStandardLibrary) {
  std::mt19937 random(17);
  int num_matched = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string pattern = random_pattern(random, 1);
    const auto grammar = compile_regex(pattern);
    if (!grammar) {
      EXPECT_NE(grammar.error().message.find("no text"), std::string::npos) << pattern;
      continue;
    }
    const std::regex judge(pattern);
    for (int k = 0; k < 20; ++k) {
      std::string text;
      for (unsigned n = random() % 7; n > 0; --n) text += "aab1c"[random() % 5];
      const bool want = std::regex_match(text, judge);
      num_matched += want;
      EXPECT_EQ(admits(*grammar, text), want) << pattern << " and " << text;
    }
  }
  EXPECT_GT(num_matched, 300);
}

TEST(Regex, AnythingIsRefusedOrCompiledSoon) {
  std::vector<std::string> sources = {std::string(1 << 20, '('),    std::string(60'000, '('),
                                      std::string(60'000, '['),     "(.*a.{60}){100}",
                                      "((a{0,999}){0,999}){0,999}", "(a|aa)+b{1,9999}c{1,9999}"};
  std::string alternatives;
  for (int i = 0; i < 9000; ++i) alternatives += std::to_string(i * 7919) + "|";
  sources.push_back(alternatives);
  for (const std::string& source : sources) {
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(compile_regex(source));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(time.count(), 5.0) << source.substr(0, 40);
  }
  EXPECT_NE(refusal("(.*a.{60}){100}"), "");
}

TEST(Choice, IsOneOfTheTexts) {
  const auto grammar = compile_choice({"yes", "no", "not sure", "中文"}).value();
  for (const char* text : {"yes", "no", "not sure", "中文"}) EXPECT_TRUE(admits(grammar, text));
  for (const char* text : {"", "n", "not", "yesno", "中"}) EXPECT_FALSE(admits(grammar, text));
  expect_exact_masks(grammar, "not sure");
  EXPECT_FALSE(compile_choice({}));
}

}  // namespace
}  // namespace ernie
