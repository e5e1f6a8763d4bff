#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/sequence.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace ernie {

/// The way of one request from sampled ids to text, and the decision when it ends.
class OutputProcessor {
 public:
  /// end_ids: the model's own end tokens. The tokenizer may be null: no text then.
  OutputProcessor(const Sequence& sequence, std::shared_ptr<const Tokenizer> tokenizer,
                  std::vector<TokenId> end_ids, int64_t max_model_len);

  /// Ids that must not be drawn while output is shorter than min_tokens, and end it afterwards.
  const std::vector<TokenId>& stopping_ids() const { return stopping_ids_; }
  bool forbids_end() const;

  /// Takes the token that was just appended to the sequence. Sets the output's text and, if the
  /// request ends with it, finish_reason and stop_reason.
  void push(TokenId token, RequestOutput& output);
  /// Ends it for another reason: emits what was held back.
  void finish(FinishReason reason, RequestOutput& output);

  void mark_scheduled();

 private:
  using Clock = std::chrono::steady_clock;
  void fill_last(RequestOutput& output) const;
  void push_text(TokenId token, RequestOutput& output);

  const Sequence& sequence_;
  std::unique_ptr<StreamingDetokenizer> detokenizer_;
  StopMatcher stop_matcher_;
  std::vector<TokenId> stopping_ids_;
  int64_t max_model_len_;
  Clock::time_point added_ = Clock::now(), scheduled_, first_token_;
  bool was_scheduled_ = false;
};

}  // namespace ernie
