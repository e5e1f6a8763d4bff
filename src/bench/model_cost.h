#pragma once

/// What a step of a whole model costs at least: every weight that it needs read once, every key and
/// value that it sees, and the arithmetic of the matrix products and of attention.

#include <cstdint>
#include <span>
#include <vector>

#include "bench/op_cost.h"
#include "checkpoint/model_config.h"

namespace ernie::bench {

/// The tokens of all sequences in one batch; logits of `logit_rows` rows. Activations are not
/// counted: they stay in caches. Routers are float32 whatever the weights are.
OpCost step_cost(const ModelConfig& config, std::span<const QuerySpan> sequences,
                 int64_t logit_rows, const ElementBytes& bytes);

/// The steps in which `batch` prompts are computed, first come first served, of at most
/// `max_tokens` tokens each; a prompt's last token gives a row of logits.
std::vector<OpCost> prefill_costs(const ModelConfig& config, int64_t batch, int64_t prompt_len,
                                  int64_t max_tokens, const ElementBytes& bytes);

}  // namespace ernie::bench
