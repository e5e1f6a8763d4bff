#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ernie {

/// The values of SentencePiece files, which other formats share.
enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// The pieces of a BPE tokenizer that a checkpoint holds beside its weights, unchecked:
/// Tokenizer::from_vocabulary() does that.
struct Vocabulary {
  struct Piece {
    std::string text;  ///< a space is spelled U+2581
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  std::string name;                  ///< of the file, for messages
  std::vector<Piece> pieces;         ///< the index is the id
  int32_t bos_id = -1, eos_id = -1;  ///< of control pieces; -1: none
};

}  // namespace ernie
