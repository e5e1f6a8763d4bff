#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/prompt.h"

namespace ernie {

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant" or "tool"
  std::string content;
  std::string reasoning_content;        ///< assistant turns of Thinking models
  std::vector<std::string> tool_calls;  ///< JSON objects {"name": …, "arguments": …}
};

struct ChatOptions {
  bool add_generation_prompt = true;
  std::vector<std::string> tools;       ///< JSON objects {"type": "function", "function": …}
  bool continue_final_message = false;  ///< the last message, an assistant's, is left open
};

/// kErnie45: the -PT models. Text and ids of system, user and assistant turns equal those of the
/// published template and tokenizer. It has no place for tools: they are added in the words of the
/// Thinking model's template, which these models were not trained on.
/// kErnie45Thinking: the Thinking model, with reasoning and tools. The text equals that of the
/// published template (which always adds the generation prompt); which of its tags are tokens is
/// read from the tokenizer, and no published ids exist to compare with. Reasoning that stands in an
/// assistant's content, before `</think>`, is taken apart as there.
enum class ChatTemplateKind { kErnie45, kErnie45Thinking };

/// Which template a tokenizer's vocabulary calls for: Thinking if it has `<|im_start|>`.
ChatTemplateKind detect_chat_template(const Tokenizer& tokenizer);

/// A conversation as the template renders it. An unknown role or an empty conversation is an error
/// naming the message's index.
Result<Prompt> chat_prompt(ChatTemplateKind kind, const std::vector<ChatMessage>& messages,
                           const ChatOptions& options);

/// Its ids. The template's own markers become special tokens; message contents
/// are tokenised as plain text, so nothing a user writes can become a control token, and yet the
/// ids are those of the rendered text wherever the contents hold no special token's text.
Result<std::vector<TokenId>> encode_chat(const Tokenizer& tokenizer, ChatTemplateKind kind,
                                         const std::vector<ChatMessage>& messages,
                                         const ChatOptions& options);

}  // namespace ernie
