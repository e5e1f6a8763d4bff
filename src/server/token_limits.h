#pragma once

/// allowed_token_ids and bad_words: what a request may not say, whatever its format.

#include <memory>
#include <vector>

#include "api/server_request.h"
#include "engine/token_constraint.h"

namespace ernie {

class Service;

class TokenLimits {
 public:
  bool restricts() const { return lists_ != nullptr; }
  /// The constraint of one choice: these limits, and `inner` if it is there. Null: none.
  std::shared_ptr<TokenConstraint> make(std::shared_ptr<TokenConstraint> inner) const;

 private:
  friend Result<TokenLimits> token_limits(const ServerRequest& request, const Service& service);
  struct Lists {
    std::vector<uint64_t> allowed;             ///< bits; empty: all
    bool may_end = true;                       ///< an end token is among them
    std::vector<std::vector<int32_t>> banned;  ///< sequences of tokens
  };
  class Constraint;
  std::shared_ptr<const Lists> lists_;
};

/// Error: a token id outside the vocabulary, a word without a tokenizer.
Result<TokenLimits> token_limits(const ServerRequest& request, const Service& service);

}  // namespace ernie
