#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace ernie {

/// A rendered chat template that remembers which of its parts the template itself put there as
/// tokens of their own.
class Prompt {
 public:
  /// Text of the template or of a message: never becomes a special token.
  void add_text(std::string_view text);
  /// A control token, without which the template cannot be used: `<|im_start|>`.
  void add_control(std::string_view token) {
    parts_.push_back({Kind::kControl, std::string(token)});
  }
  /// One of the template's words in angle brackets, which is a token of its own in some
  /// vocabularies and plain text in others: `<think>`.
  void add_tag(std::string_view token) { parts_.push_back({Kind::kTag, std::string(token)}); }

  std::string text() const;
  /// What stands between two tokens is encoded as one piece of plain text, so the ids are those of
  /// the whole text with the special tokens parsed, unless a message spells one.
  Result<std::vector<TokenId>> encode(const Tokenizer& tokenizer) const;

 private:
  enum class Kind : uint8_t { kText, kControl, kTag };
  struct Part {
    Kind kind;
    std::string text;
  };
  std::vector<Part> parts_;
};

}  // namespace ernie
