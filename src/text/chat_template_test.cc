#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/test_source.h"
#include "text/prompt.h"
#include "text/python_json.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

namespace json = boost::json;
using testing::genuine_directory;
using testing::kNoGenuineTokenizer;
using testing::load_or_die;
using testing::RandomText;
using testing::tiny_directory;
using Ids = std::vector<TokenId>;
using Messages = std::vector<ChatMessage>;

// The tiny tokenizer with the markers of the Thinking model; some tags are tokens, others are not.
std::shared_ptr<const Tokenizer> thinking_tokenizer() {
  Tokenizer::Files files;
  files.model = *ByteSource::map_file(tiny_directory() + "/tokenizer.model");
  files.added_tokens = kept_source(
      "added", R"({"<|im_start|>": 500, "<|im_end|>": 501, "<think>": 502, "</think>": 503,
                   "<response>": 504, "</response>": 505, "<tool_call>": 506})");
  return *Tokenizer::from_files(files);
}

std::string render(ChatTemplateKind kind, const Messages& messages, const ChatOptions& options) {
  const auto prompt = chat_prompt(kind, messages, options);
  return prompt ? prompt->text() : "error: " + prompt.error().message;
}

TEST(ChatTemplate, Ernie45) {
  const Messages messages = {{"system", "Be brief.", {}, {}},
                             {"user", "Hi", {}, {}},
                             {"assistant", "Hello", {}, {}},
                             {"user", "Bye", {}, {}}};
  const std::string turns =
      "<|begin_of_sentence|>Be brief.\nUser: Hi\nAssistant: Hello<|end_of_sentence|>User: Bye\n";
  EXPECT_EQ(render(ChatTemplateKind::kErnie45, messages, {}), turns + "Assistant: ");
  EXPECT_EQ(render(ChatTemplateKind::kErnie45, messages, {false, {}}), turns);
}

TEST(ChatTemplate, PublishedPromptHasThePublishedIds) {
  if (!genuine_directory()) GTEST_SKIP() << kNoGenuineTokenizer;
  const auto tokenizer = load_or_die(*genuine_directory());
  const Messages messages = {{"user", "Hey, are you conscious? Can you talk to me?", {}, {}}};
  EXPECT_EQ(detect_chat_template(*tokenizer), ChatTemplateKind::kErnie45);
  EXPECT_EQ(*encode_chat(*tokenizer, ChatTemplateKind::kErnie45, messages, {}),
            (Ids{100273, 2969, 93963, 30845, 93938, 524, 536, 25804, 94009, 3939, 536, 4474, 318,
                 626, 94009, 23, 92267, 93963, 93919}));
}

TEST(ChatTemplate, ThinkingEqualsThePublishedTemplate) {
  const auto text =
      read_text_file(std::string(ERNIE_SOURCE_DIR) + "/tests/data/chat_thinking.json", 1 << 20);
  const json::value document = json::parse(*text);
  const json::array& cases = document.at("cases").as_array();
  ASSERT_EQ(cases.size(), 11u);
  for (const json::value& c : cases) {
    Messages messages;
    for (const json::value& entry : c.at("messages").as_array()) {
      const json::object& m = entry.as_object();
      const auto field = [&](const char* name) {
        return m.contains(name) ? std::string(m.at(name).as_string()) : std::string();
      };
      messages.push_back({field("role"), field("content"), field("reasoning_content"), {}});
      if (!m.contains("tool_calls")) continue;
      for (const json::value& call : m.at("tool_calls").as_array()) {
        messages.back().tool_calls.emplace_back(call.as_string());
      }
    }
    ChatOptions options;
    for (const json::value& tool : c.at("tools").as_array()) {
      options.tools.emplace_back(tool.as_string());
    }
    EXPECT_EQ(render(ChatTemplateKind::kErnie45Thinking, messages, options),
              std::string(c.at("expected").as_string()));
  }
}

TEST(ChatTemplate, IdsAreThoseOfTheRenderedText) {
  const auto tiny = load_or_die(tiny_directory());
  const auto thinking = thinking_tokenizer();
  EXPECT_EQ(detect_chat_template(*thinking), ChatTemplateKind::kErnie45Thinking);
  RandomText random(*tiny, 41);
  const auto content = [&] {
    std::string text = random.next(6);
    std::erase(text, '<');
    return text;
  };
  for (int i = 0; i < 2000; ++i) {
    const Messages messages = {{"system", content(), {}, {}},
                               {"user", content(), {}, {}},
                               {"assistant", content(), {}, {}},
                               {"user", content(), {}, {}}};
    for (const auto& tokenizer : {tiny, thinking}) {
      const ChatTemplateKind kind = detect_chat_template(*tokenizer);
      const auto ids = encode_chat(*tokenizer, kind, messages, {});
      ASSERT_TRUE(ids) << ids.error().message;
      ASSERT_EQ(*ids, tokenizer->encode(render(kind, messages, {}), SpecialTokens::kParse));
    }
  }
}

TEST(ChatTemplate, MessagesCannotWriteControlTokens) {
  for (const auto& tokenizer : {load_or_die(tiny_directory()), thinking_tokenizer()}) {
    const ChatTemplateKind kind = detect_chat_template(*tokenizer);
    const auto num_markers = [&](const std::string& content) {
      const Messages messages = {{"system", content, {}, {}},
                                 {"user", content, {}, {}},
                                 {"assistant", content, {}, {}},
                                 {"user", content, {}, {}}};
      size_t count = 0;
      const auto ids = *encode_chat(*tokenizer, kind, messages, {});
      for (const TokenId id : ids) count += tokenizer->special_id(tokenizer->token_bytes(id)) == id;
      return count;
    };
    const size_t expected = num_markers("x");
    for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
      const std::string text(tokenizer->token_bytes(id));
      if (tokenizer->special_id(text) != id) continue;
      if (text == "</think>") continue;  // separates reasoning from answer, see below
      EXPECT_EQ(num_markers("a" + text + "b"), expected) << text;
    }
  }
  // Reasoning in the content of an answer is taken apart as the published template does.
  const auto ids = *encode_chat(*thinking_tokenizer(), ChatTemplateKind::kErnie45Thinking,
                                {{"user", "a</think>b", {}, {}}}, {});
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 503), 0);
}

TEST(Prompt, OnlyControlsAndTagsBecomeTokens) {
  const auto tokenizer = thinking_tokenizer();
  Prompt prompt;
  prompt.add_text("<think>");
  const Ids as_text = tokenizer->encode("<think>", SpecialTokens::kAsText);
  EXPECT_EQ(*prompt.encode(*tokenizer), as_text);
  prompt.add_tag("<think>");
  prompt.add_tag("<not a token>");
  prompt.add_control("<|im_end|>");
  Ids expected = as_text;
  expected.push_back(502);
  for (const TokenId id : tokenizer->encode("<not a token>", SpecialTokens::kAsText)) {
    expected.push_back(id);
  }
  expected.push_back(501);
  EXPECT_EQ(*prompt.encode(*tokenizer), expected);
  EXPECT_EQ(prompt.text(), "<think><think><not a token><|im_end|>");
}

TEST(ChatTemplate, ToolsStandInTheWordsOfTheThinkingTemplate) {
  const Messages messages = {
      {"system", "Be brief.", {}, {}},
      {"user", "Time?", {}, {}},
      {"assistant", "", {}, {R"({"name": "clock", "arguments": {"zone": "UTC"}})"}},
      {"tool", "12\n", {}, {}}};
  const ChatOptions options{true, {R"({"type": "function", "function": {"name": "clock"}})"}};
  EXPECT_EQ(render(ChatTemplateKind::kErnie45, messages, options),
            "<|begin_of_sentence|>Be brief.\n<tool_list>\n"
            R"([{"type": "function", "function": {"name": "clock"}}])"
            "\n</tool_list>\nUser: Time?\nAssistant: <tool_call>\n"
            R"({"name": "clock", "arguments": {"zone": "UTC"}})"
            "\n</tool_call>\n<|end_of_sentence|>User: <tool_output>\"12\\n\"</tool_output>\n"
            "Assistant: ");
}

TEST(ChatTemplate, TheFinalMessageCanBeContinued) {
  const Messages messages = {{"user", "a", {}, {}}, {"assistant", "b", {}, {}}};
  EXPECT_EQ(render(ChatTemplateKind::kErnie45, messages, {false, {}, true}),
            "<|begin_of_sentence|>User: a\nAssistant: b");
}

TEST(ChatTemplate, ErrorsNameTheMessage) {
  using Kind = ChatTemplateKind;
  const ChatMessage user = {"user", "x", {}, {}};
  EXPECT_EQ(render(Kind::kErnie45, {}, {}), "error: messages: got none, expected at least one");
  EXPECT_EQ(render(Kind::kErnie45, {user, {"bot\n", "", {}, {}}}, {}),
            "error: messages[1].role: got \"bot\\x0A\", expected system, user, assistant or tool");
  EXPECT_EQ(render(Kind::kErnie45, {user}, {true, {"{}"}}),
            "error: tools[0].function: got nothing, expected an object");
  EXPECT_EQ(render(Kind::kErnie45, {user}, {false, {}, true}),
            "error: continue_final_message: got true behind a message of user, expected an "
            "assistant's");
  EXPECT_EQ(render(Kind::kErnie45Thinking, {user}, {true, {"{}"}}),
            "error: tools[0].function: got nothing, expected an object");
  EXPECT_EQ(render(Kind::kErnie45Thinking, {user}, {true, {"[1]"}}),
            "error: tools[0]: got a list, expected a JSON object");
  EXPECT_EQ(
      render(Kind::kErnie45Thinking, {user, {"assistant", "", {}, {"{\"name\": \"f\"}"}}}, {}),
      "error: messages[1].tool_calls[0]: got no name or no arguments, expected both");
  const auto ids = encode_chat(*load_or_die(tiny_directory()), Kind::kErnie45Thinking, {user}, {});
  EXPECT_EQ(ids.error().message,
            "chat template: got a tokenizer without <|im_start|>, expected one with it");
}

TEST(PythonJson, NumbersAndNesting) {
  EXPECT_EQ(
      python_json(
          json::parse(R"({"a":[1,-2.0,1e16,123456789012345.0,0.1,1e-5,18446744073709551615,false],
                                       "b":{},"c":[],"d":"é\b"})")),
      R"({"a": [1, -2.0, 1e+16, 123456789012345.0, 0.1, 1e-05, 18446744073709551615, false], )"
      R"("b": {}, "c": [], "d": "é\b"})");
}

}  // namespace
}  // namespace ernie
