#pragma once

#include "server/generation_answer.h"

namespace ernie {

/// The last event of the OpenAI streams.
inline constexpr const char* kDone = "data: [DONE]\n\n";

Reply handle_completions(Service& service, Exchange& exchange);       // POST /v1/completions
Reply handle_chat_completions(Service& service, Exchange& exchange);  // POST /v1/chat/completions

}  // namespace ernie
