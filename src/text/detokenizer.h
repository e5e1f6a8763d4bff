#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace ernie {

/// Turns a stream of ids into text piece by piece. What it has emitted is always whole UTF-8
/// characters: an unfinished one is held back until it is complete, or becomes U+FFFD when the next
/// byte does not continue it (one for each maximal subpart, as Unicode recommends). The pieces
/// concatenated equal Tokenizer::decode of all ids. Special tokens that are left out do not
/// interrupt a character.
class StreamingDetokenizer {
 public:
  /// Keeps the tokenizer alive.
  explicit StreamingDetokenizer(std::shared_ptr<const Tokenizer> tokenizer,
                                bool keep_special = false);
  /// The text that became certain with this id; may be empty.
  std::string push(TokenId id);
  /// What was held back, as U+FFFD. The stream ends.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool keep_special_;
  std::string pending_;  // an unfinished UTF-8 sequence, at most 3 bytes
};

}  // namespace ernie
