#include "api/answer_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ernie {
namespace {

struct Whole {
  std::string reasoning, content, calls;
  friend bool operator==(const Whole&, const Whole&) = default;
};

void add(Whole& whole, const AnswerDelta& delta) {
  whole.reasoning += delta.reasoning;
  whole.content += delta.content;
  for (const ToolCall& call : delta.calls) {
    if (call.name.empty()) {
      whole.calls += call.arguments;
    } else {
      whole.calls += call.name + call.arguments + ";";
    }
  }
}

/// In pieces of `size` bytes.
Whole parse(const AnswerForm& form, std::string_view text, size_t size) {
  AnswerParser parser(form);
  Whole whole;
  for (size_t i = 0; i < text.size(); i += size) add(whole, parser.push(text.substr(i, size)));
  add(whole, parser.finish());
  return whole;
}

/// The same however the text is cut.
Whole parse(const AnswerForm& form, std::string_view text) {
  const Whole whole = parse(form, text, std::max<size_t>(text.size(), 1));
  for (size_t size = 1; size < 12; ++size) EXPECT_EQ(parse(form, text, size), whole) << size;
  return whole;
}

const AnswerForm kThinking{
    .thinks = true, .has_blocks = true, .has_tools = true, .one_call = false, .forced = {}};
const AnswerForm kWithTools{
    .thinks = false, .has_blocks = false, .has_tools = true, .one_call = false, .forced = {}};

TEST(AnswerParser, PlainTextIsContent) {
  EXPECT_EQ(parse({}, "a\n</think><tool_call>\n"), (Whole{"", "a\n</think><tool_call>\n", ""}));
}

TEST(AnswerParser, TakesReasoningResponseAndCallsApart) {
  EXPECT_EQ(parse(kThinking, "Let me\nsee.\n</think>\n\n<response>\nHi\n\nyou\n</response>\n"),
            (Whole{"Let me\nsee.", "Hi\n\nyou", ""}));
  EXPECT_EQ(parse(kThinking,
                  "x\n</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n"
                  "</tool_call>\n\n<tool_call>{\"name\":\"g\",\"arguments\":\"\"}</tool_call>\n"),
            (Whole{"x", "", "f{\"a\":1};g;"}));
}

TEST(AnswerParser, ReasoningThatIsCutOffIsReasoning) {
  EXPECT_EQ(parse(kThinking, "still <think> going </thin"), (Whole{"still  going </thin", "", ""}));
}

TEST(AnswerParser, WhatIsNoCallStaysText) {
  EXPECT_EQ(parse(kWithTools, "a <tool_call>no</tool_call> b"),
            (Whole{"", "a <tool_call>no</tool_call> b", ""}));
  EXPECT_EQ(parse(kWithTools, "a <tool_call>{\"name\": \"f\""),
            (Whole{"", "a <tool_call>{\"name\": \"f\"", ""}));
  EXPECT_EQ(parse(kWithTools, "1 < 2 <tool"), (Whole{"", "1 < 2 <tool", ""}));
}

TEST(AnswerParser, ContentBeforeACallStays) {
  EXPECT_EQ(
      parse(kWithTools, "Sure.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"),
      (Whole{"", "Sure.", "f{};"}));
}

TEST(AnswerParser, ForcedCallsAreJson) {
  AnswerForm named;
  named.forced = {ToolChoice::Kind::kNamed, "f"};
  EXPECT_EQ(parse(named, "{\"a\":\"</think>\"}"), (Whole{"", "", "{\"a\":\"</think>\"}"}));
  AnswerForm required;
  required.forced.kind = ToolChoice::Kind::kRequired;
  EXPECT_EQ(
      parse(required, R"([{"name":"f","parameters":{"a":"}]\"["}},{"name":"g","parameters":{}}])"),
      (Whole{"", "", R"(f{"a":"}]\"["};g{};)"}));
  // Cut off: no call.
  EXPECT_EQ(parse(required, R"([{"name":"f","parameters":{"a":)"), (Whole{"", "", ""}));
  required.thinks = required.has_blocks = true;
  EXPECT_EQ(parse(required, "hm\n</think>[{\"name\":\"f\",\"parameters\":{}}]"),
            (Whole{"hm", "", "f{};"}));
}

TEST(AnswerParser, OnlyTheFirstCallIfOneIsAskedFor) {
  AnswerForm form = kWithTools;
  form.one_call = true;
  const std::string_view call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  EXPECT_EQ(parse(form, fmt::format("{}\n{}", call, call)), (Whole{"", "", "f{};"}));
  form.has_tools = false;
  form.forced.kind = ToolChoice::Kind::kRequired;
  EXPECT_EQ(parse(form, R"([{"name":"f","parameters":{}},{"name":"g","parameters":{}}])"),
            (Whole{"", "", "f{};"}));
}

TEST(AnswerParser, DeepTextCostsNoStack) {
  AnswerForm required;
  required.forced.kind = ToolChoice::Kind::kRequired;
  AnswerParser parser(required);
  EXPECT_TRUE(parser.push(std::string(1 << 20, '[')).empty());
  EXPECT_TRUE(parser.push(std::string(1 << 20, ']')).empty());
}

}  // namespace
}  // namespace ernie
