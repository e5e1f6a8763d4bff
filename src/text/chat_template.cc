#include "text/chat_template.h"

#include "base/utf8.h"
#include "text/end_ids.h"
#include "text/thinking_template.h"

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

Result<Prompt> ernie45_prompt(const std::vector<ChatMessage>& messages,
                              const ChatOptions& options) {
  if (!options.tools.empty()) {
    return field_error(ErrorCode::kUnsupported, "tools",
                       "got {}, expected none: this model's chat template has no place for them",
                       options.tools.size());
  }
  Prompt prompt;
  prompt.add_control(kBegin);
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role == "tool" || !message.tool_calls.empty()) {
      return field_error(ErrorCode::kUnsupported, fmt::format("messages[{}]", i),
                         "got a tool's call or output, expected text: this model's chat template "
                         "has no place for tools");
    }
    if (message.role == "user") prompt.add_text("User: ");
    if (message.role == "assistant") prompt.add_text("Assistant: ");
    prompt.add_text(message.content);
    if (message.role == "assistant") {
      prompt.add_control(end_of_turn(ChatTemplateKind::kErnie45));
    } else {
      prompt.add_text("\n");
    }
  }
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
