#pragma once

#include <vector>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/prompt.h"

namespace ernie {

/// The chat template of ERNIE-4.5-21B-A3B-Thinking. Roles have been checked. A tool or tool call
/// that is not the JSON object that ChatOptions and ChatMessage describe is an error naming its
/// index.
Result<Prompt> thinking_prompt(const std::vector<ChatMessage>& messages,
                               const ChatOptions& options);

}  // namespace ernie
