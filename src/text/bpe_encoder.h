#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/phrase_matcher.h"
#include "text/tokenizer.h"

namespace ernie {

/// What byte-pair encoding cuts text into. Texts are as users write them (a space is a space), not
/// empty, well-formed UTF-8, and differ from each other.
struct BpeVocabulary {
  struct Piece {
    std::string text;
    float score;  ///< finite; the higher, the earlier a merge happens
    TokenId id;
  };
  std::vector<Piece> merged;                 ///< single characters and what merges can build
  std::vector<PhraseMatcher::Phrase> whole;  ///< matched first, longest first, and never merged
  std::array<TokenId, 256> byte_ids{};       ///< for what no piece covers
};

/// Byte-pair encoding as SentencePiece defines it: the text is cut into characters; then, again and
/// again, the two neighbours whose concatenation is the piece of the highest score become that
/// piece, of equal ones the leftmost, until no two neighbours form a piece. Characters without a
/// piece, and bytes that are not UTF-8, become byte tokens. The ids stand for exactly the text.
///
/// Linear time and little memory on any text: a window of the text is encoded at a time, and the
/// next begins at a token border within it. A sequence of tokens is the encoding of its text if and
/// only if each two neighbours are the encoding of theirs (the first merge across a border would be
/// the best one for the two tokens alone as well), so two windows may be joined at any token that
/// both have. Where they have none the text is encoded again with larger windows; what stands to
/// the right of a token reaches it only through merges of ever higher score, so this ends soon.
///
/// Immutable after construction; safe to use from many threads.
class BpeEncoder {
 public:
  static constexpr size_t kWindowSymbols = 256;

  explicit BpeEncoder(const BpeVocabulary& vocabulary, size_t window_symbols = kWindowSymbols);

  /// Appends the ids of `text`.
  void encode(std::string_view text, std::vector<TokenId>& ids) const;

 private:
  static constexpr int32_t kNoSymbol = -1;

  struct Token {
    size_t begin, end;  // in the text
    int32_t symbol;
  };
  struct Window;

  using SymbolTable = boost::unordered_flat_map<std::string_view, int32_t>;

  void add_characters(const BpeVocabulary& vocabulary, SymbolTable& symbols);
  void add_merges(const BpeVocabulary& vocabulary, const SymbolTable& symbols);
  void insert_merge(int32_t left, int32_t right, int32_t merged);
  int32_t find_merge(int32_t left, int32_t right) const;

  Token next_symbol(std::string_view text, size_t begin) const;
  void encode_window(std::string_view text, size_t begin, size_t num_symbols, Window& window) const;
  void fill(std::string_view text, size_t begin, size_t num_symbols, Window& window) const;
  void find_candidate(Window& window, uint32_t left) const;
  void merge_all(Window& window) const;
  bool encode_in_windows(std::string_view text, size_t window_symbols,
                         std::vector<TokenId>& ids) const;
  void emit(std::string_view text, std::span<const Token> tokens, std::vector<TokenId>& ids) const;

  size_t window_symbols_;
  PhraseMatcher whole_;                     // ids are symbols
  std::vector<TokenId> symbol_ids_;         // -1: a character that only larger pieces contain
  std::vector<int32_t> character_symbols_;  // by code point, up to the largest in use
  std::vector<uint32_t> symbol_ranks_;      // of merged symbols: their score's position, best first
  // Left symbol, right symbol and what they become, packed so that most of the table stays in the
  // cache. Open addressing; the size is a power of two; 0 is free.
  std::vector<uint64_t> merges_;
  std::array<TokenId, 256> byte_ids_;
};

}  // namespace ernie
