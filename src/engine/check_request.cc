#include "engine/check_request.h"

namespace ernie {
namespace {

Result<void> check_ids(const std::vector<TokenId>& prompt_ids, int64_t vocab_size) {
  for (size_t i = 0; i < prompt_ids.size(); ++i) {
    const TokenId id = prompt_ids[i];
    if (id < 0 || id >= vocab_size) {
      return field_error(ErrorCode::kInvalidArgument, "prompt",
                         "token {}: got id {}, expected 0 to {}", i, id, vocab_size - 1);
    }
  }
  return {};
}

}  // namespace

Result<void> check_request(const GenerationRequest& request, const EngineLimits& limits) {
  ERNIE_TRY_VOID(validate(request.params, limits.vocab_size));
  if (!limits.has_tokenizer && !request.params.stop.empty()) {
    return field_error(ErrorCode::kInvalidArgument, "stop",
                       "got strings, expected none: the model was loaded without a tokenizer");
  }
  if (request.prompt_ids.empty()) {
    return field_error(ErrorCode::kInvalidArgument, "prompt", "got no tokens, expected at least 1");
  }
  ERNIE_TRY_VOID(check_ids(request.prompt_ids, limits.vocab_size));
  const int64_t most = limits.max_model_len - (request.params.max_tokens > 0 ? 1 : 0);
  const auto length = static_cast<int64_t>(request.prompt_ids.size());
  if (length > most) {
    return field_error(ErrorCode::kInvalidArgument, "prompt",
                       "got {} tokens, expected at most {} (max_model_len {})", length, most,
                       limits.max_model_len);
  }
  return {};
}

}  // namespace ernie
