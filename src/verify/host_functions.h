#pragma once

/// What follows the device: log-probabilities and the choice of the next token, computed on the
/// host by the engine. Verified like operations.

#include <functional>

#include "engine/logprobs.h"
#include "engine/sampler.h"

namespace ernie::verify {

struct HostFunctions {
  std::function<Result<TokenLogprob>(std::span<const float> logits, int32_t token_id,
                                     int32_t num_top)>
      logprob;
  std::function<Result<int32_t>(const SamplerRow& row)> sample;
};

/// The engine's own.
HostFunctions engine_functions();

}  // namespace ernie::verify
