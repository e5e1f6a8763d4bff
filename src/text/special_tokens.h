#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace ernie {

/// What the JSON files beside a tokenizer.model say about special and added tokens. Flags for
/// stripping space around a token are not honoured: text is never dropped.
struct SpecialTokenFiles {
  /// A text with an id, from added_tokens.json or tokenizer_config.json's added_tokens_decoder.
  struct Added {
    std::string text;
    TokenId id;
    bool special;
  };
  std::vector<Added> added;
  /// Texts that some role (`*_token`, additional_special_tokens) declares special.
  std::vector<std::string> special_texts;
  std::optional<std::string> bos_text, eos_text;
};

inline constexpr size_t kMaxSideFileBytes = size_t{4} << 20;
inline constexpr size_t kMaxSpecialTokenBytes = 256;
/// Ids of added tokens are below it.
inline constexpr TokenId kMaxTokenId = 1 << 20;

/// Reads the three files; an empty source stands for an absent one. An error names file, token, got
/// and expected. Whether ids and texts agree with the model is not looked at here.
Result<SpecialTokenFiles> read_special_tokens(const Tokenizer::Files& files);

}  // namespace ernie
