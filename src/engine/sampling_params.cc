#include "engine/sampling_params.h"

#include <algorithm>
#include <cmath>

namespace ernie {
namespace {

Error bad_value(std::string_view field, const auto& got, std::string_view expected) {
  return field_error(ErrorCode::kInvalidArgument, std::string(field), "got {}, expected {}", got,
                     expected);
}

Result<void> check_between(std::string_view field, float value, float low, float high) {
  // Negated, so that NaN fails too.
  if (!(value >= low && value <= high)) {
    return bad_value(field, value, fmt::format("a number from {} to {}", low, high));
  }
  return {};
}

Result<void> check_token_id(std::string_view field, int32_t id, int64_t vocab_size) {
  if (id < 0 || id >= vocab_size) {
    return bad_value(field, fmt::format("token id {}", id),
                     fmt::format("an id from 0 to {}", vocab_size - 1));
  }
  return {};
}

Result<void> check_distribution(const SamplingParams& params) {
  if (!std::isfinite(params.temperature) || params.temperature < 0) {
    return bad_value("temperature", params.temperature, "a finite number >= 0");
  }
  if (params.top_k < -1) {
    return bad_value("top_k", params.top_k, "a positive number, or 0 or -1 for all tokens");
  }
  if (!(params.top_p > 0 && params.top_p <= 1)) {
    return bad_value("top_p", params.top_p, "a number above 0 and up to 1");
  }
  return check_between("min_p", params.min_p, 0, 1);
}

Result<void> check_penalties(const SamplingParams& params, int64_t vocab_size) {
  if (!std::isfinite(params.repetition_penalty) || params.repetition_penalty <= 0) {
    return bad_value("repetition_penalty", params.repetition_penalty, "a finite number > 0");
  }
  ERNIE_TRY_VOID(check_between("presence_penalty", params.presence_penalty, -2, 2));
  ERNIE_TRY_VOID(check_between("frequency_penalty", params.frequency_penalty, -2, 2));
  if (params.logit_bias.size() > kMaxLogitBiases) {
    return bad_value("logit_bias", fmt::format("{} tokens", params.logit_bias.size()),
                     fmt::format("at most {}", kMaxLogitBiases));
  }
  std::vector<int32_t> ids;
  for (const auto& [id, bias] : params.logit_bias) {
    ERNIE_TRY_VOID(check_token_id("logit_bias", id, vocab_size));
    ERNIE_TRY_VOID(check_between("logit_bias", bias, -100, 100));
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    return bad_value("logit_bias", fmt::format("token id {} twice", *twice), "each id once");
  }
  return {};
}

Result<void> check_end(const SamplingParams& params, int64_t vocab_size) {
  if (params.max_tokens < 0) return bad_value("max_tokens", params.max_tokens, "a number >= 0");
  if (params.min_tokens < 0 || params.min_tokens > params.max_tokens) {
    return bad_value("min_tokens", params.min_tokens,
                     fmt::format("a number from 0 to max_tokens = {}", params.max_tokens));
  }
  if (params.stop.size() > kMaxStopStrings) {
    return bad_value("stop", fmt::format("{} strings", params.stop.size()),
                     fmt::format("at most {}", kMaxStopStrings));
  }
  if (std::any_of(params.stop.begin(), params.stop.end(), [](auto& s) { return s.empty(); })) {
    return bad_value("stop", "an empty string", "strings of at least one character");
  }
  for (const int32_t id : params.stop_token_ids) {
    ERNIE_TRY_VOID(check_token_id("stop_token_ids", id, vocab_size));
  }
  return {};
}

Result<void> check_num_top(std::string_view field, std::optional<int32_t> num_top) {
  if (num_top && (*num_top < 0 || *num_top > kMaxTopLogprobs)) {
    return bad_value(field, *num_top, fmt::format("a number from 0 to {}", kMaxTopLogprobs));
  }
  return {};
}

}  // namespace

Result<void> validate(const SamplingParams& params, int64_t vocab_size) {
  ERNIE_TRY_VOID(check_distribution(params));
  ERNIE_TRY_VOID(check_penalties(params, vocab_size));
  ERNIE_TRY_VOID(check_end(params, vocab_size));
  ERNIE_TRY_VOID(check_num_top("logprobs", params.logprobs));
  return check_num_top("prompt_logprobs", params.prompt_logprobs);
}

}  // namespace ernie
