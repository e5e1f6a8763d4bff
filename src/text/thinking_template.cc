#include "text/thinking_template.h"

#include <boost/json.hpp>

#include "text/end_ids.h"
#include "text/python_json.h"
#include "text/tool_text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr std::string_view kBegin = "<|im_start|>";

void add_end_of_turn(Prompt& prompt) {
  prompt.add_control(end_of_turn(ChatTemplateKind::kErnie45Thinking));
  prompt.add_text("\n\n");
}

// Opening tag, new line, text, new line, closing tag.
void add_block(Prompt& prompt, std::string_view name, std::string_view text) {
  prompt.add_tag(fmt::format("<{}>", name));
  prompt.add_text("\n");
  prompt.add_text(text);
  prompt.add_text("\n");
  prompt.add_tag(fmt::format("</{}>", name));
}

Result<void> add_system_turn(const std::vector<ChatMessage>& messages, const ChatOptions& options,
                             Prompt& prompt) {
  prompt.add_control(kBegin);
  prompt.add_text("system\n");
  if (messages[0].role == "system") {
    add_block(prompt, "system_setting", messages[0].content);
    prompt.add_text("\n\n");
  }
  add_block(prompt, "global_setting", "think_mode=True");
  if (!options.tools.empty()) {
    ERNIE_TRY(const std::string list, tool_list(options.tools));
    prompt.add_text("\n\n");
    add_block(prompt, "tool_list", list);
  }
  add_end_of_turn(prompt);
  return {};
}

std::string_view strip_newlines(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

struct Answer {
  std::string_view reasoning, content;
};

// Clients may send reasoning apart, or as the model wrote it: before `</think>` in the content.
Answer split_reasoning(const ChatMessage& message) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  const std::string_view content = message.content;
  const size_t first = content.find(kClose), last = content.rfind(kClose);
  if (!message.reasoning_content.empty() || first == std::string_view::npos) {
    return {strip_newlines(message.reasoning_content), content};
  }
  std::string_view reasoning = content.substr(0, first);
  const size_t open = reasoning.rfind(kOpen);
  if (open != std::string_view::npos) reasoning.remove_prefix(open + kOpen.size());
  std::string_view rest = content.substr(last + kClose.size());
  while (rest.starts_with('\n')) rest.remove_prefix(1);
  return {strip_newlines(reasoning), rest};
}

Result<void> add_tool_call(const std::string& text, const std::string& where, Prompt& prompt) {
  ERNIE_TRY(const std::string call, tool_call(text, where));
  prompt.add_text("\n");
  add_block(prompt, "tool_call", call);
  prompt.add_text("\n");
  return {};
}

Result<void> add_assistant_turn(const std::vector<ChatMessage>& messages, size_t index,
                                size_t last_query, Prompt& prompt) {
  const ChatMessage& message = messages[index];
  const Answer answer = split_reasoning(message);
  prompt.add_control(kBegin);
  prompt.add_text("assistant\n");
  const bool is_last = index + 1 == messages.size();
  if (index > last_query && (is_last || !answer.reasoning.empty())) {
    add_block(prompt, "think", answer.reasoning);
    prompt.add_text("\n");
  }
  if (!answer.content.empty()) {
    add_block(prompt, "response", answer.content);
    prompt.add_text("\n");
  }
  for (size_t i = 0; i < message.tool_calls.size(); ++i) {
    if (i > 0 || !answer.content.empty()) prompt.add_text("\n");
    const std::string where = fmt::format("messages[{}].tool_calls[{}]", index, i);
    ERNIE_TRY_VOID(add_tool_call(message.tool_calls[i], where, prompt));
  }
  add_end_of_turn(prompt);
  return {};
}

// Consecutive outputs share one turn.
void add_tool_output(const std::vector<ChatMessage>& messages, size_t index, Prompt& prompt) {
  if (index == 0 || messages[index - 1].role != "tool") {
    prompt.add_control(kBegin);
    prompt.add_text("tool");
  }
  prompt.add_text("\n");
  prompt.add_tag("<tool_output>");
  prompt.add_text(python_json(json::string(messages[index].content)));
  prompt.add_tag("</tool_output>");
  const bool is_last = index + 1 == messages.size() || messages[index + 1].role != "tool";
  if (is_last) add_end_of_turn(prompt);
}

// The last user message that is not a tool's output in disguise; without one the last message.
size_t last_query_index(const std::vector<ChatMessage>& messages) {
  for (size_t i = messages.size(); i-- > 0;) {
    const std::string_view content = messages[i].content;
    const bool tool_output =
        content.starts_with("<tool_output>") && content.ends_with("</tool_output>");
    if (messages[i].role == "user" && !tool_output) return i;
  }
  return messages.size() - 1;
}

}  // namespace

Result<Prompt> thinking_prompt(const std::vector<ChatMessage>& messages,
                               const ChatOptions& options) {
  Prompt prompt;
  ERNIE_TRY_VOID(add_system_turn(messages, options, prompt));
  const size_t last_query = last_query_index(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role == "assistant") {
      ERNIE_TRY_VOID(add_assistant_turn(messages, i, last_query, prompt));
    } else if (role == "tool") {
      add_tool_output(messages, i, prompt);
    } else if (role == "user" || i > 0) {
      prompt.add_control(kBegin);
      prompt.add_text(role + "\n");
      prompt.add_text(messages[i].content);
      add_end_of_turn(prompt);
    }
  }
  if (options.add_generation_prompt) {
    prompt.add_control(kBegin);
    prompt.add_text("assistant\n");
    prompt.add_tag("<think>");
    prompt.add_text("\n");
  }
  return prompt;
}

}  // namespace ernie
