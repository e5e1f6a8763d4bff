#pragma once

/// A prompt as a user gives it, and the request that it becomes.

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/request.h"
#include "text/chat_template.h"

namespace ernie {

/// Text, ids, or a conversation.
using UserPrompt = std::variant<std::string, std::vector<TokenId>, std::vector<ChatMessage>>;

/// A conversation of one user's turn, behind a system message unless that is empty.
UserPrompt user_turn(std::string text, const std::string& system);

/// Tokenises. An answer in a conversation also ends at the template's end of turn, unless
/// ignore_eos. `special`: of a text; what stands in a conversation's messages is never special.
/// Error: an empty prompt, an unknown role, text without a tokenizer (null).
Result<GenerationRequest> to_generation_request(const UserPrompt& prompt, SamplingParams params,
                                                const Tokenizer* tokenizer, ChatTemplateKind kind,
                                                SpecialTokens special = SpecialTokens::kAsText);

}  // namespace ernie
