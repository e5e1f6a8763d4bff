#pragma once

/// For tests: texts judged by a grammar, token by token.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "grammar/token_grammar.h"
#include "json/parse.h"

namespace ernie::testing {

inline const std::shared_ptr<const Tokenizer>& demo_tokenizer() {
  static const auto kTokenizer = Tokenizer::load(ERNIE_SOURCE_DIR "/models/demo").value();
  return kTokenizer;
}
inline const std::shared_ptr<const TokenVocabulary>& demo_vocabulary() {
  static const auto kVocabulary =
      TokenVocabulary::create(*demo_tokenizer(), demo_tokenizer()->vocab_size() + 5);
  return kVocabulary;
}

inline std::vector<uint64_t> mask_of(TokenConstraint& constraint, int64_t vocab_size) {
  std::vector<uint64_t> mask(static_cast<size_t>(vocab_size + 63) / 64, ~uint64_t{0});
  constraint.restrict_to_allowed(mask);
  return mask;
}
inline bool is_allowed(const std::vector<uint64_t>& mask, TokenId token) {
  return (mask[static_cast<size_t>(token) / 64] >> token % 64 & 1) != 0;
}

/// The token of one byte.
inline TokenId byte_token(char byte) {
  static const std::vector<TokenId> kIds = [] {
    std::vector<TokenId> ids(256, -1);
    for (TokenId id = 0; id < demo_tokenizer()->vocab_size(); ++id) {
      const std::string_view bytes = demo_tokenizer()->token_bytes(id);
      if (bytes.size() == 1 && !demo_tokenizer()->is_special(id)) {
        ids[static_cast<uint8_t>(bytes[0])] = id;
      }
    }
    return ids;
  }();
  return kIds[static_cast<uint8_t>(byte)];
}

/// Whether a text is an output: as the tokenizer divides it, and byte by byte.
inline bool admits(const GrammarPtr& grammar, std::string_view text, bool with_masks = true) {
  const auto by_token = make_constraint(grammar, demo_vocabulary());
  const auto by_byte = make_constraint(grammar, demo_vocabulary());
  bool tokens = true, bytes = true;
  for (const TokenId id : demo_tokenizer()->encode(text, SpecialTokens::kAsText)) {
    std::vector<uint64_t> mask;
    if (with_masks) mask = mask_of(*by_token, demo_vocabulary()->vocab_size());
    tokens = tokens && by_token->accept(id);
    EXPECT_TRUE(!tokens || !with_masks || is_allowed(mask, id))
        << text << ": accepted, but not in the mask";
  }
  for (const char c : text) bytes = bytes && by_byte->accept(byte_token(c));
  tokens = tokens && by_token->can_end();
  bytes = bytes && by_byte->can_end();
  EXPECT_EQ(tokens, bytes) << text;
  return tokens;
}

/// At every place of a text the mask must hold exactly the tokens that would be accepted there, and
/// there must be one, or an end.
inline void expect_exact_masks(const GrammarPtr& grammar, std::string_view text) {
  const int64_t vocab_size = demo_vocabulary()->vocab_size();
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto at_place = [&] {
      auto constraint = make_constraint(grammar, demo_vocabulary());
      for (size_t i = 0; i < length; ++i) EXPECT_TRUE(constraint->accept(byte_token(text[i])));
      return constraint;
    };
    const auto constraint = at_place();
    const auto mask = mask_of(*constraint, vocab_size);
    bool any = constraint->can_end();
    for (TokenId id = 0; id < vocab_size; ++id) {
      const bool accepts = at_place()->accept(id);
      any = any || accepts;
      EXPECT_EQ(is_allowed(mask, id), accepts)
          << "behind \"" << text.substr(0, length) << "\": token " << id << " \""
          << demo_tokenizer()->token_bytes(id) << "\"";
      if (::testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(any) << "nothing can follow \"" << text.substr(0, length) << "\"";
  }
}

inline GrammarPtr schema_grammar(std::string_view schema) {
  const auto grammar = compile_json_schema(parse_json(schema).value());
  EXPECT_TRUE(grammar) << schema << ": " << (grammar ? "" : grammar.error().message);
  return grammar ? *grammar : nullptr;
}

}  // namespace ernie::testing
