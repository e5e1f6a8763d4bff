#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/request.h"
#include "engine/token_stream.h"

namespace ernie {

/// All that one request gave.
struct GenerationResult {
  std::string text;
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenLogprob> prompt_logprobs;
  FinishReason finish_reason = FinishReason::kAbort;
  std::string stop_reason;
  std::string error;  ///< with kError
  int64_t num_prompt_tokens = 0;
  int64_t num_output_tokens = 0;
  int64_t num_cached_tokens = 0;  ///< of the prompt, not computed but found
  RequestTimings timings;

  /// Adds an update; true if it was the last.
  bool append(RequestOutput output);
};
/// The result itself, or kInternal if the engine could not finish it.
Result<GenerationResult> checked(GenerationResult result);
/// Waits for the rest of a stream. The same error.
Result<GenerationResult> read_to_end(TokenStream& stream);

}  // namespace ernie
