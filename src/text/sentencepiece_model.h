#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/vocabulary.h"
#include "text/tokenizer.h"

namespace ernie {

/// The pieces of a SentencePiece tokenizer.model, as far as ERNIE models use the format, or those
/// of a checkpoint.
struct SentencePieceModel {
  using PieceType = ernie::PieceType;
  struct Piece {
    std::string_view text;  ///< into the source; a space is spelled U+2581
    float score = 0;
    PieceType type = PieceType::kNormal;
  };

  std::vector<Piece> pieces;                                 ///< the index is the id
  boost::unordered_flat_map<std::string_view, TokenId> ids;  ///< by text
  TokenId unk_id = -1;
  TokenId bos_id = -1, eos_id = -1;  ///< -1 if the model has none
};

inline constexpr size_t kMaxModelBytes = size_t{64} << 20;
inline constexpr size_t kMaxPieces = size_t{1} << 19;
inline constexpr size_t kMaxPieceBytes = 256;

/// Reads and checks; the source must outlive the result. Refused, with file, piece, got and
/// expected: what is not well-formed protobuf, any model type but BPE, a normalizer that changes
/// text, unused pieces, and tables that encoding could not rely on: empty, overlong, doubled or
/// non-UTF-8 pieces, scores that are not finite, a missing or doubled unknown piece, anything but
/// the 256 byte pieces `<0x00>` to `<0xFF>`.
Result<SentencePieceModel> read_sentencepiece_model(const ByteSource& source);

/// The same checks of the pieces; `vocabulary` must outlive the result.
Result<SentencePieceModel> read_vocabulary(const Vocabulary& vocabulary);

/// The value of a byte piece: 65 for `<0x41>`; -1 for every other text.
int byte_piece_value(std::string_view text);

}  // namespace ernie
