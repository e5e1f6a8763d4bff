#pragma once

#include <cstdint>

#include "base/result.h"
#include "engine/request.h"

namespace ernie {

/// What an engine can be asked for.
struct EngineLimits {
  int64_t vocab_size = 0;      ///< rows of the model's head
  int64_t max_model_len = 0;   ///< prompt and output together
  bool has_tokenizer = false;  ///< without one there are no stop strings
};

/// Why an engine with these limits would refuse the request, if it would: the first field that is
/// wrong, as "prompt: got no tokens, expected at least 1". A pure function, so any thread can ask
/// before the request is queued. max_tokens may ask for more than fits max_model_len.
Result<void> check_request(const GenerationRequest& request, const EngineLimits& limits);

}  // namespace ernie
