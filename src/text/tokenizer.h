#pragma once

/// Text to token ids and back, over a SentencePiece BPE model with ERNIE's special tokens.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/vocabulary.h"

namespace ernie {

using TokenId = int32_t;

/// Whether the text of special tokens (`<s>`, `<|end_of_sentence|>`, …) becomes their id.
enum class SpecialTokens {
  kAsText,  ///< no: for what users write; no text can yield a control token
  kParse,   ///< yes: for rendered chat templates
};

/// Immutable after loading; safe to use from many threads.
class Tokenizer {
 public:
  /// `path`: a directory with tokenizer.model and optionally added_tokens.json,
  /// special_tokens_map.json and tokenizer_config.json, or a tokenizer.model itself. Without any of
  /// these JSON files the names that the published ERNIE-4.5 models give are special where the
  /// model has them. A token that is declared special but has no id stays plain text.
  static Result<std::shared_ptr<const Tokenizer>> load(const std::string& path);
  /// The same files from memory; an empty source stands for an absent side file.
  struct Files {
    ByteSource model, added_tokens, special_tokens_map, tokenizer_config;
  };
  static Result<std::shared_ptr<const Tokenizer>> from_files(const Files& files);

  /// The vocabulary of a checkpoint, as from a tokenizer.model without JSON files; it is not needed
  /// afterwards.
  static Result<std::shared_ptr<const Tokenizer>> from_vocabulary(const Vocabulary& vocabulary);

  virtual ~Tokenizer() = default;

  /// Ids of `text`, nothing prepended or appended; their token_bytes concatenated are `text`. Any
  /// bytes are accepted: those that are not UTF-8 become byte tokens, as does U+2581, which stands
  /// for a space in the model's file. With kParse special and added tokens are split off first, the
  /// longest at each place. Time linear in the text's length, memory that of the result.
  virtual std::vector<TokenId> encode(std::string_view text, SpecialTokens special) const = 0;

  /// The bytes that one id stands for (a part of a character for byte tokens; a special token's
  /// text; empty for an id without text). Any int32 is accepted.
  virtual std::string_view token_bytes(TokenId id) const = 0;
  /// True for the model's control and unknown pieces (bos, eos, pad, unk) and the tokens that the
  /// JSON files declare special, placeholders among them; not for other added tokens.
  virtual bool is_special(TokenId id) const = 0;

  /// Ids in use: every id that encode can return is below it.
  virtual int64_t vocab_size() const = 0;
  /// -1 if there is none.
  virtual TokenId bos_id() const = 0;
  virtual TokenId eos_id() const = 0;
  /// The id of a special or added token by its exact text.
  virtual std::optional<TokenId> special_id(std::string_view token) const = 0;

  /// All ids at once; bytes that are not UTF-8 become U+FFFD. Special tokens are left out unless
  /// asked.
  std::string decode(std::span<const TokenId> ids, bool keep_special) const;
};

}  // namespace ernie
