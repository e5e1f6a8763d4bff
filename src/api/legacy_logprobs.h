#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "api/token_texts.h"

namespace ernie {

/// The four parallel lists of the completions API: tokens, token_logprobs, top_logprobs and
/// text_offset, which counts characters from the beginning of the answer.
class LegacyLogprobs {
 public:
  LegacyLogprobs(int32_t num_top, bool skip_special, TokenTexts texts)
      : num_top_(num_top), skip_special_(skip_special), texts_(texts) {}

  /// `logprob` is null for a token that has none: the first of a prompt.
  void add(TokenId id, const TokenLogprob* logprob);
  /// What was added since the last call.
  boost::json::object take();

 private:
  int32_t num_top_;
  bool skip_special_;
  TokenTexts texts_;
  size_t offset_ = 0;
  boost::json::array tokens_, logprobs_, top_, offsets_;
};

}  // namespace ernie
