#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "engine/request.h"

namespace ernie {

/// How single tokens are written in answers.
struct TokenTexts {
  const Tokenizer* tokenizer = nullptr;  ///< null: their ids are
  bool as_ids = false;                   ///< as "token_id:42"

  /// Text that can stand in JSON; U+FFFD where a token is only a part of a character.
  std::string text(TokenId id) const;
  /// The same where texts are keys: a part of a character is shown by its bytes, so that two of
  /// them stay two.
  std::string key(TokenId id) const;
  /// Empty without a tokenizer.
  std::string_view bytes(TokenId id) const;
  /// Of a token as a part of an answer: 0 for one that is left out.
  size_t num_characters(TokenId id, bool skip_special) const;
};

/// JSON has no infinity; a probability of zero is written as the APIs do.
double finite_logprob(float logprob);

/// The likeliest `count`, or as many as there are.
std::span<const TokenLogprob::Top> first_top(const TokenLogprob& token, int32_t count);

}  // namespace ernie
