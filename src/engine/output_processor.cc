#include "engine/output_processor.h"

#include <algorithm>

namespace ernie {

OutputProcessor::OutputProcessor(const Sequence& sequence,
                                 std::shared_ptr<const Tokenizer> tokenizer,
                                 std::vector<TokenId> end_ids, int64_t max_model_len)
    : sequence_(sequence),
      stop_matcher_(sequence.params().stop, sequence.params().include_stop_in_output),
      max_model_len_(max_model_len) {
  const SamplingParams& params = sequence.params();
  if (tokenizer != nullptr) {
    detokenizer_ =
        std::make_unique<StreamingDetokenizer>(std::move(tokenizer), !params.skip_special_tokens);
  }
  if (!params.ignore_eos) stopping_ids_ = std::move(end_ids);
  stopping_ids_.insert(stopping_ids_.end(), params.stop_token_ids.begin(),
                       params.stop_token_ids.end());
}

bool OutputProcessor::forbids_end() const {
  return sequence_.num_output_tokens() < sequence_.params().min_tokens;
}

void OutputProcessor::mark_scheduled() {
  if (was_scheduled_) return;
  was_scheduled_ = true;
  scheduled_ = Clock::now();
}

void OutputProcessor::push(TokenId token, RequestOutput& output) {
  const SamplingParams& params = sequence_.params();
  const int64_t num_output = sequence_.num_output_tokens();
  if (num_output == 1) first_token_ = Clock::now();
  const bool stops =
      num_output > params.min_tokens &&
      std::find(stopping_ids_.begin(), stopping_ids_.end(), token) != stopping_ids_.end();
  if (!stops || params.include_stop_in_output) push_text(token, output);
  if (output.finish_reason) {
    fill_last(output);
  } else if (stops) {
    output.stop_reason = std::to_string(token);
    finish(FinishReason::kStop, output);
  } else if (num_output >= params.max_tokens || sequence_.num_tokens() >= max_model_len_) {
    finish(FinishReason::kLength, output);
  }
}

void OutputProcessor::push_text(TokenId token, RequestOutput& output) {
  if (detokenizer_ == nullptr) return;
  const std::string piece = detokenizer_->push(token);
  if (sequence_.num_output_tokens() < sequence_.params().min_tokens) {
    output.text += piece;
    return;
  }
  StopMatcher::Output matched = stop_matcher_.push(piece);
  output.text += matched.text;
  if (matched.stop) {
    output.finish_reason = FinishReason::kStop;
    output.stop_reason = sequence_.params().stop[*matched.stop];
  }
}

void OutputProcessor::finish(FinishReason reason, RequestOutput& output) {
  if (detokenizer_ != nullptr) {
    const StopMatcher::Output matched = stop_matcher_.push(detokenizer_->finish());
    output.text += matched.text;
    if (!matched.stop) output.text += stop_matcher_.finish();
  }
  output.finish_reason = reason;
  fill_last(output);
}

void OutputProcessor::fill_last(RequestOutput& output) const {
  const auto seconds_since_added = [this](Clock::time_point time) {
    return std::max(0.0, std::chrono::duration<double>(time - added_).count());
  };
  output.num_prompt_tokens = sequence_.num_prompt_tokens();
  output.num_output_tokens = sequence_.num_output_tokens();
  output.num_cached_tokens = sequence_.num_cached_tokens();
  output.timings = {
      .queue_s = was_scheduled_ ? seconds_since_added(scheduled_) : 0,
      .first_token_s = sequence_.num_output_tokens() > 0 ? seconds_since_added(first_token_) : 0,
      .total_s = seconds_since_added(Clock::now())};
}

}  // namespace ernie
