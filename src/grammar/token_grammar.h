#pragma once

#include <cstdint>
#include <memory>

#include "engine/token_constraint.h"
#include "grammar/grammar.h"
#include "text/tokenizer.h"

namespace ernie {

/// A vocabulary prepared for masks: its tokens' bytes as a tree, and what was worked out for
/// automata so far (bounded). Made once per model; shared by threads.
class TokenVocabulary {
 public:
  /// The head has `vocab_size` rows. Those that the tokenizer has no text for are never allowed,
  /// nor are special tokens.
  static std::shared_ptr<const TokenVocabulary> create(const Tokenizer& tokenizer,
                                                       int64_t vocab_size);
  virtual ~TokenVocabulary() = default;
  virtual int64_t vocab_size() const = 0;
  /// Memory held by the tree and by what was worked out.
  virtual size_t num_bytes() const = 0;
};

/// The state of one request. The first one of a grammar costs some milliseconds, so it is made by
/// the client's thread rather than the engine's.
std::shared_ptr<TokenConstraint> make_constraint(std::shared_ptr<const Grammar> grammar,
                                                 std::shared_ptr<const TokenVocabulary> vocabulary);

}  // namespace ernie
