#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampling_params.h"
#include "engine/token_constraint.h"
#include "text/tokenizer.h"

namespace ernie {

/// What a client asks for, already tokenised.
struct GenerationRequest {
  std::vector<TokenId> prompt_ids;  ///< not empty, each in [0, vocab_size)
  SamplingParams params;
  /// If set, decides what may be drawn, end tokens only when it can end. It belongs to this request
  /// alone. Where it lets nothing follow, the request ends: as kStop if it can end, min_tokens or
  /// not, else as kError. A stop token that it allows as a part of the output ends the request.
  std::shared_ptr<TokenConstraint> constraint;
  int64_t priority = 0;    ///< with SchedulingPolicy::kPriority: the lower one comes first
  uint64_t client_id = 0;  ///< who asks: waiting requests are admitted in turn among clients
  /// Not 0: what is computed of the prompt is shared with requests of the same salt only, so that
  /// nobody else can tell by the time of an answer whether a prompt was asked before.
  uint64_t cache_salt = 0;
  /// If set, called from step(), so on the engine's thread, with each token when it was chosen, and
  /// the logits [vocab_size] that it was chosen from, before penalties and bias. Must not call the
  /// engine. The last call comes before the last output; what it refers to must live until then,
  /// also if the request is cancelled.
  std::function<void(TokenId, std::span<const float> logits)> on_token;
};

enum class FinishReason {
  kStop,    ///< an end token, a stop token or a stop string
  kLength,  ///< max_tokens or max_model_len
  kAbort,   ///< the client's wish
  kError,   ///< the model's numbers for this request were not usable; see RequestOutput::error
};
/// "stop", "length", "abort", "error"
std::string_view finish_reason_name(FinishReason reason);

struct TokenLogprob {
  TokenId token_id = 0;
  float logprob = 0;  ///< natural logarithm, from the model's own distribution at temperature 1
  int32_t rank = 0;   ///< 1 for the likeliest
  struct Top {
    TokenId token_id;
    float logprob;
  };
  std::vector<Top> top;  ///< descending; the lower id first on a tie
};

/// Seconds on the monotonic clock since the request was added.
struct RequestTimings {
  double queue_s = 0;        ///< until its first token was scheduled
  double first_token_s = 0;  ///< until its first token was sampled
  double total_s = 0;        ///< until it finished
};

/// Identifies a request within one engine, in the order of their adding.
using RequestId = uint64_t;

/// News of one request, from one step or from several.
struct RequestOutput {
  RequestId request_id = 0;
  std::string text;                           ///< newly certain text; whole UTF-8 characters
  std::vector<TokenId> token_ids;             ///< newly sampled
  std::vector<TokenLogprob> logprobs;         ///< parallel to token_ids, if asked for
  std::vector<TokenLogprob> prompt_logprobs;  ///< of prompt tokens 1, 2, …, as they become known
  std::optional<FinishReason> finish_reason;  ///< set once, in the last output
  std::string stop_reason;        ///< the stop string or the stop token's id, if one ended it
  std::string error;              ///< one line, with kError
  int64_t num_prompt_tokens = 0;  ///< in the last output
  int64_t num_output_tokens = 0;  ///< in the last output
  int64_t num_cached_tokens = 0;  ///< of the prompt, not computed but found; in the last output
  RequestTimings timings;         ///< in the last output
};

/// Makes one output of two that follow each other.
void merge(RequestOutput& into, RequestOutput next);

}  // namespace ernie
