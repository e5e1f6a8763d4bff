#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "text/tokenizer.h"

namespace ernie {

/// Which of an answer's tokens are reasoning: those up to the one that ends it, that one included.
class ReasoningCounter {
 public:
  /// Nothing: the answer has no reasoning.
  explicit ReasoningCounter(std::optional<TokenId> end) : end_(end) {}

  /// How many of the tokens that came next are.
  size_t push(std::span<const TokenId> ids);
  /// So far.
  int64_t num_tokens() const { return num_tokens_; }

 private:
  std::optional<TokenId> end_;  // none once it has come
  int64_t num_tokens_ = 0;
};

}  // namespace ernie
