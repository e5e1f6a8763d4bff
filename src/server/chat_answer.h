#pragma once

#include <string>
#include <vector>

#include "api/answer_parser.h"
#include "engine/request.h"

namespace ernie {

/// A whole answer of a chat, taken apart.
struct ChatAnswer {
  std::string reasoning, content;
  std::vector<ToolCall> calls;
  std::string cut_arguments;  ///< of a named tool's call that was cut off, as far as they came
};
/// A forced call that was cut off is none of `calls`.
ChatAnswer parse_chat_answer(const AnswerForm& form, std::string_view text, FinishReason reason);

/// Adds what came next.
void merge(AnswerDelta& into, AnswerDelta next);

/// "chatcmpl-tool-" and 32 digits.
std::string new_call_id();

}  // namespace ernie
