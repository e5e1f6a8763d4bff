#include "text/chat_template.h"

#include "base/utf8.h"
#include "text/end_ids.h"
#include "text/thinking_template.h"
#include "text/tool_text.h"

namespace ernie {
namespace {

constexpr std::string_view kBegin = "<|begin_of_sentence|>";

Result<void> check_messages(const std::vector<ChatMessage>& messages) {
  if (messages.empty()) {
    return field_error(ErrorCode::kInvalidArgument, "messages", "got none, expected at least one");
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role == "system" || role == "user" || role == "assistant" || role == "tool") continue;
    return field_error(ErrorCode::kInvalidArgument, fmt::format("messages[{}].role", i),
                       "got {}, expected system, user, assistant or tool", in_quotes(role));
  }
  return {};
}

/// The turns of the published template. It has no place for tools; they stand here in the words of
/// the Thinking model's template, as text behind the system message.
Result<Prompt> ernie45_prompt(const std::vector<ChatMessage>& messages,
                              const ChatOptions& options) {
  Prompt prompt;
  prompt.add_control(kBegin);
  bool has_tool_list = options.tools.empty();
  const auto add_tools = [&]() -> Result<void> {
    if (has_tool_list) return {};
    has_tool_list = true;
    ERNIE_TRY(const std::string list, tool_list(options.tools));
    prompt.add_text("<tool_list>\n" + list + "\n</tool_list>\n");
    return {};
  };
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    const bool is_last = i + 1 == messages.size();
    if (message.role != "system") ERNIE_TRY_VOID(add_tools());
    if (message.role == "user") prompt.add_text("User: ");
    if (message.role == "assistant") prompt.add_text("Assistant: ");
    if (message.role == "tool") {
      prompt.add_text("User: " + tool_output(message.content));
    } else {
      prompt.add_text(message.content);
    }
    for (size_t c = 0; c < message.tool_calls.size(); ++c) {
      ERNIE_TRY(const std::string call,
                tool_call(message.tool_calls[c], fmt::format("messages[{}].tool_calls[{}]", i, c)));
      prompt.add_text("<tool_call>\n" + call + "\n</tool_call>\n");
    }
    if (message.role != "assistant") {
      prompt.add_text("\n");
    } else if (!(is_last && options.continue_final_message)) {
      prompt.add_control(end_of_turn(ChatTemplateKind::kErnie45));
    }
  }
  ERNIE_TRY_VOID(add_tools());
  if (options.add_generation_prompt) prompt.add_text("Assistant: ");
  return prompt;
}

}  // namespace

ChatTemplateKind detect_chat_template(const Tokenizer& tokenizer) {
  return tokenizer.special_id("<|im_start|>") ? ChatTemplateKind::kErnie45Thinking
                                              : ChatTemplateKind::kErnie45;
}

Result<Prompt> chat_prompt(ChatTemplateKind kind, const std::vector<ChatMessage>& messages,
                           const ChatOptions& options) {
  ERNIE_TRY_VOID(check_messages(messages));
  if (options.continue_final_message && messages.back().role != "assistant") {
    return field_error(ErrorCode::kInvalidArgument, "continue_final_message",
                       "got true behind a message of {}, expected an assistant's",
                       messages.back().role);
  }
  if (options.continue_final_message && kind == ChatTemplateKind::kErnie45Thinking) {
    return field_error(ErrorCode::kUnsupported, "continue_final_message",
                       "got true, expected false: this model's chat template closes every turn");
  }
  return kind == ChatTemplateKind::kErnie45 ? ernie45_prompt(messages, options)
                                            : thinking_prompt(messages, options);
}

Result<std::vector<TokenId>> encode_chat(const Tokenizer& tokenizer, ChatTemplateKind kind,
                                         const std::vector<ChatMessage>& messages,
                                         const ChatOptions& options) {
  ERNIE_TRY(const Prompt prompt, chat_prompt(kind, messages, options));
  return prompt.encode(tokenizer);
}

}  // namespace ernie
