#include "engine/sampling_params.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <limits>

namespace ernie {
namespace {

constexpr int64_t kVocabSize = 1000;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
constexpr int32_t kMinInt = std::numeric_limits<int32_t>::min();

using Change = std::function<void(SamplingParams&)>;

Result<void> validate_changed(const Change& change) {
  SamplingParams params;
  change(params);
  return validate(params, kVocabSize);
}

template <typename T>
Change set(T SamplingParams::*field, std::type_identity_t<T> value) {
  return [=](SamplingParams& params) { params.*field = value; };
}

TEST(SamplingParams, AcceptsDefaultsAndEdgeValues) {
  EXPECT_TRUE(validate({}, 1));
  const std::vector<Change> changes = {
      set(&SamplingParams::temperature, 0.0f),
      set(&SamplingParams::temperature, -0.0f),
      set(&SamplingParams::temperature, std::numeric_limits<float>::denorm_min()),
      set(&SamplingParams::temperature, std::numeric_limits<float>::max()),
      set(&SamplingParams::top_k, -1),
      set(&SamplingParams::top_k, 0),
      set(&SamplingParams::top_k, kMaxInt),
      set(&SamplingParams::top_p, std::numeric_limits<float>::denorm_min()),
      set(&SamplingParams::min_p, 0.0f),
      set(&SamplingParams::min_p, 1.0f),
      set(&SamplingParams::repetition_penalty, 1e-30f),
      set(&SamplingParams::repetition_penalty, 1e30f),
      set(&SamplingParams::presence_penalty, -2.0f),
      set(&SamplingParams::presence_penalty, 2.0f),
      set(&SamplingParams::frequency_penalty, -2.0f),
      set(&SamplingParams::frequency_penalty, 2.0f),
      set(&SamplingParams::logit_bias, {{0, -100.0f}, {kVocabSize - 1, 100.0f}}),
      set(&SamplingParams::seed, ~uint64_t{0}),
      set(&SamplingParams::max_tokens, 0),
      set(&SamplingParams::max_tokens, kMaxInt),
      set(&SamplingParams::min_tokens, 16),
      set(&SamplingParams::stop, std::vector<std::string>(kMaxStopStrings, "x")),
      set(&SamplingParams::stop_token_ids, {0, kVocabSize - 1}),
      set(&SamplingParams::logprobs, 0),
      set(&SamplingParams::logprobs, kMaxTopLogprobs),
      set(&SamplingParams::prompt_logprobs, kMaxTopLogprobs),
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const auto valid = validate_changed(changes[i]);
    EXPECT_TRUE(valid) << i << ": " << valid.error().message;
  }
}

struct Refusal {
  Change change;
  std::string message;
};

TEST(SamplingParams, RefusesEachFieldByName) {
  const std::vector<Refusal> refusals = {
      {set(&SamplingParams::temperature, kNan),
       "temperature: got nan, expected a finite number >= 0"},
      {set(&SamplingParams::temperature, kInfinity), "temperature: got inf"},
      {set(&SamplingParams::temperature, -0.5f), "temperature: got -0.5"},
      {set(&SamplingParams::top_k, -2), "top_k: got -2"},
      {set(&SamplingParams::top_k, kMinInt), "top_k: got -2147483648"},
      {set(&SamplingParams::top_p, 0.0f), "top_p: got 0, expected a number above 0 and up to 1"},
      {set(&SamplingParams::top_p, 1.0001f), "top_p: got 1.0001"},
      {set(&SamplingParams::top_p, kNan), "top_p: got nan"},
      {set(&SamplingParams::min_p, -0.1f), "min_p: got -0.1, expected a number from 0 to 1"},
      {set(&SamplingParams::min_p, 1.5f), "min_p: got 1.5"},
      {set(&SamplingParams::min_p, kNan), "min_p: got nan"},
      {set(&SamplingParams::repetition_penalty, 0.0f), "repetition_penalty: got 0"},
      {set(&SamplingParams::repetition_penalty, kInfinity), "repetition_penalty: got inf"},
      {set(&SamplingParams::repetition_penalty, kNan), "repetition_penalty: got nan"},
      {set(&SamplingParams::presence_penalty, 2.5f), "presence_penalty: got 2.5"},
      {set(&SamplingParams::presence_penalty, kNan), "presence_penalty: got nan"},
      {set(&SamplingParams::frequency_penalty, -2.5f), "frequency_penalty: got -2.5"},
      {set(&SamplingParams::frequency_penalty, -kInfinity), "frequency_penalty: got -inf"},
      {set(&SamplingParams::logit_bias, {{1, 100.5f}}), "logit_bias: got 100.5"},
      {set(&SamplingParams::logit_bias, {{1, kNan}}), "logit_bias: got nan"},
      {set(&SamplingParams::logit_bias, {{-1, 0.0f}}),
       "logit_bias: got token id -1, expected an id from 0 to 999"},
      {set(&SamplingParams::logit_bias, {{kVocabSize, 0.0f}}), "logit_bias: got token id 1000"},
      {set(&SamplingParams::logit_bias, {{7, 1.0f}, {3, 1.0f}, {7, 1.0f}}),
       "logit_bias: got token id 7 twice"},
      {[](SamplingParams& p) { p.logit_bias.resize(kMaxLogitBiases + 1); },
       "logit_bias: got 1025 tokens, expected at most 1024"},
      {set(&SamplingParams::max_tokens, -1), "max_tokens: got -1"},
      {set(&SamplingParams::min_tokens, -1), "min_tokens: got -1"},
      {set(&SamplingParams::min_tokens, 17),
       "min_tokens: got 17, expected a number from 0 to max_tokens = 16"},
      {set(&SamplingParams::stop, {"a", ""}), "stop: got an empty string"},
      {set(&SamplingParams::stop, std::vector<std::string>(kMaxStopStrings + 1, "x")),
       "stop: got 17 strings, expected at most 16"},
      {set(&SamplingParams::stop_token_ids, {5, -1}), "stop_token_ids: got token id -1"},
      {set(&SamplingParams::stop_token_ids, {kVocabSize}), "stop_token_ids: got token id 1000"},
      {set(&SamplingParams::logprobs, -1), "logprobs: got -1, expected a number from 0 to 20"},
      {set(&SamplingParams::logprobs, kMaxTopLogprobs + 1), "logprobs: got 21"},
      {set(&SamplingParams::prompt_logprobs, -1), "prompt_logprobs: got -1"},
      {set(&SamplingParams::prompt_logprobs, kMaxInt), "prompt_logprobs: got 2147483647"},
  };
  for (const auto& [change, message] : refusals) {
    const auto valid = validate_changed(change);
    ASSERT_FALSE(valid) << message;
    EXPECT_EQ(valid.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(valid.error().message.substr(0, message.size()), message);
  }
}

}  // namespace
}  // namespace ernie
