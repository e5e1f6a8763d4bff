#include "engine/user_prompt.h"

#include "text/end_ids.h"

namespace ernie {

UserPrompt user_turn(std::string text, const std::string& system) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) messages.push_back({"system", system, "", {}});
  messages.push_back({"user", std::move(text), "", {}});
  return messages;
}

Result<GenerationRequest> to_generation_request(const UserPrompt& prompt, SamplingParams params,
                                                const Tokenizer* tokenizer, ChatTemplateKind kind,
                                                SpecialTokens special) {
  GenerationRequest request{{}, std::move(params)};
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) {
    request.prompt_ids = *ids;
    return request;
  }
  if (tokenizer == nullptr) {
    return field_error(ErrorCode::kInvalidArgument, "prompt",
                       "got text, expected token ids: the model was loaded without a tokenizer");
  }
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    request.prompt_ids = tokenizer->encode(*text, special);
  } else {
    const auto& messages = std::get<std::vector<ChatMessage>>(prompt);
    ERNIE_TRY(request.prompt_ids, encode_chat(*tokenizer, kind, messages, {}));
    if (!request.params.ignore_eos) {
      const std::vector<TokenId> ends = turn_end_ids(*tokenizer, kind);
      request.params.stop_token_ids.insert(request.params.stop_token_ids.end(), ends.begin(),
                                           ends.end());
    }
  }
  if (request.prompt_ids.empty()) {
    return field_error(ErrorCode::kInvalidArgument, "prompt",
                       "got an empty text, expected at least a token");
  }
  return request;
}

}  // namespace ernie
