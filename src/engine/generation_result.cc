#include "engine/generation_result.h"

#include <iterator>

namespace ernie {
namespace {

template <typename T>
void append_all(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Result<GenerationResult> checked(GenerationResult result) {
  if (result.finish_reason != FinishReason::kError) return result;
  return make_error(ErrorCode::kInternal, "generation failed: {}", result.error);
}

Result<GenerationResult> read_to_end(TokenStream& stream) {
  GenerationResult result;
  while (auto update = stream.next()) result.append(*std::move(update));
  return checked(std::move(result));
}

bool GenerationResult::append(RequestOutput output) {
  text += output.text;
  append_all(token_ids, std::move(output.token_ids));
  append_all(logprobs, std::move(output.logprobs));
  append_all(prompt_logprobs, std::move(output.prompt_logprobs));
  if (!output.finish_reason) return false;
  finish_reason = *output.finish_reason;
  stop_reason = std::move(output.stop_reason);
  error = std::move(output.error);
  num_prompt_tokens = output.num_prompt_tokens;
  num_output_tokens = output.num_output_tokens;
  num_cached_tokens = output.num_cached_tokens;
  timings = output.timings;
  return true;
}

}  // namespace ernie
