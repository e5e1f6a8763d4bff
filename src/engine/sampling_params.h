#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ernie {

/// How the next token is chosen and when a request ends. Defaults are those of the OpenAI API.
struct SamplingParams {
  float temperature = 1.0f;  ///< 0: greedy, the lowest id on a tie
  int32_t top_k = 0;         ///< keep the k likeliest; 0 or -1: all
  float top_p = 1.0f;        ///< keep the smallest set of at least this probability, in (0, 1]
  float min_p = 0.0f;        ///< drop tokens below this share of the likeliest one's probability
  float repetition_penalty = 1.0f;  ///< > 0; over prompt and output, as Hugging Face defines it
  float presence_penalty = 0.0f;    ///< in [-2, 2], over the output
  float frequency_penalty = 0.0f;   ///< in [-2, 2], over the output
  std::vector<std::pair<int32_t, float>> logit_bias;  ///< token id, addend in [-100, 100]
  uint64_t seed = 0;  ///< with it and the request alone every draw is determined

  int32_t max_tokens = 16;  ///< 0: only the prompt is computed
  int32_t min_tokens = 0;   ///< no end token or stop string before so many
  bool ignore_eos = false;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool include_stop_in_output = false;
  bool skip_special_tokens = true;

  /// Log-probabilities of the chosen token and of this many likeliest ones; absent: none.
  std::optional<int32_t> logprobs;
  /// The same for every prompt token but the first.
  std::optional<int32_t> prompt_logprobs;
};

inline constexpr int32_t kMaxTopLogprobs = 20;
inline constexpr size_t kMaxStopStrings = 16;
inline constexpr size_t kMaxLogitBiases = 1024;

/// The first field whose value is not allowed, as "temperature: got nan, expected a finite number
/// >= 0". vocab_size: rows of the model's head.
Result<void> validate(const SamplingParams& params, int64_t vocab_size);

}  // namespace ernie
