#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "engine/request.h"

namespace ernie {

/// Log-probability of `token_id` and of the num_top likeliest under softmax(logits), the model's
/// own distribution; ranks and `top` order ties by ascending id, so top[rank - 1] is the token if
/// rank <= num_top. Accumulates in double in a fixed order; keeps nothing, so it serves prompts of
/// any length row by row. Two passes over the row.
/// logits: [vocab_size], token_id in [0, vocab_size); `top` has min(num_top, vocab_size) elements.
/// Error: a logit is NaN or +inf, or all are -inf.
Result<TokenLogprob> compute_logprob(std::span<const float> logits, int32_t token_id,
                                     int32_t num_top);

}  // namespace ernie
