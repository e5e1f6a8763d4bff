#include "engine/request.h"

#include <iterator>

#include "base/check.h"

namespace ernie {
namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kError:
      return "error";
  }
  ERNIE_CHECK(false, "finish reason {}", static_cast<int>(reason));
}

void merge(RequestOutput& into, RequestOutput next) {
  into.text += next.text;
  append(into.token_ids, next.token_ids);
  append(into.logprobs, next.logprobs);
  append(into.prompt_logprobs, next.prompt_logprobs);
  if (!next.finish_reason) return;
  into.finish_reason = next.finish_reason;
  into.stop_reason = std::move(next.stop_reason);
  into.error = std::move(next.error);
  into.num_prompt_tokens = next.num_prompt_tokens;
  into.num_output_tokens = next.num_output_tokens;
  into.num_cached_tokens = next.num_cached_tokens;
  into.timings = next.timings;
}

}  // namespace ernie
