#include "text/sentencepiece_model.h"

#include <bit>
#include <cmath>

#include "base/utf8.h"
#include "text/protobuf_reader.h"

namespace ernie {
namespace {

using Field = ProtobufReader::Field;
using WireType = ProtobufReader::WireType;
using Piece = SentencePieceModel::Piece;
using PieceType = SentencePieceModel::PieceType;

// The settings that decide how text is cut. The values are those of an absent field.
struct Settings {
  uint64_t model_type = 1;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string_view bos_piece = "<s>", eos_piece = "</s>";
  std::string_view normalizer = "";
  std::string_view charsmap = "", decoder_charsmap = "";
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

Error piece_error(const std::string& name, size_t id, std::string_view got,
                  std::string_view expected) {
  return make_error(ErrorCode::kCorruptData, "{}: piece {}: got {}, expected {}", name, id, got,
                    expected);
}

/// What encoding relies on. Finds the unknown piece; `model` has its pieces, and is refused or left
/// with its ids.
class PieceCheck {
 public:
  PieceCheck(const std::string& name, SentencePieceModel& model) : name_(name), model_(model) {}

  Result<void> run() {
    model_.ids.reserve(model_.pieces.size());
    size_t num_byte_pieces = 0;
    for (size_t id = 0; id < model_.pieces.size(); ++id) {
      ERNIE_TRY_VOID(check_piece(id));
      const Piece& piece = model_.pieces[id];
      if (!model_.ids.emplace(piece.text, static_cast<TokenId>(id)).second) {
        return piece_error(name_, id, fmt::format("{} again", in_quotes(piece.text)),
                           "each text once");
      }
      if (piece.type == PieceType::kByte) ++num_byte_pieces;
      if (piece.type == PieceType::kUnknown) {
        if (model_.unk_id >= 0) return piece_error(name_, id, "a second unknown piece", "one");
        model_.unk_id = static_cast<TokenId>(id);
      }
    }
    // The texts differ from each other, so 256 byte pieces are all of them.
    if (num_byte_pieces != 256) {
      return make_error(ErrorCode::kCorruptData, "{}: got {} byte pieces, expected 256", name_,
                        num_byte_pieces);
    }
    if (model_.unk_id < 0) {
      return make_error(ErrorCode::kCorruptData, "{}: got no unknown piece, expected one", name_);
    }
    return {};
  }

 private:
  Result<void> check_piece(size_t id) const {
    const Piece& piece = model_.pieces[id];
    if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) {
      return piece_error(name_, id, fmt::format("{} bytes of text", piece.text.size()),
                         fmt::format("1 to {}", kMaxPieceBytes));
    }
    if (!is_utf8(piece.text)) return piece_error(name_, id, "text that is not UTF-8", "UTF-8");
    if (!std::isfinite(piece.score)) {
      return piece_error(name_, id, fmt::format("score {}", piece.score), "a finite score");
    }
    if (piece.type == PieceType::kUnused) {
      return piece_error(name_, id, "type UNUSED", "a piece in use");
    }
    if (piece.type == PieceType::kByte && byte_piece_value(piece.text) < 0) {
      return piece_error(name_, id, fmt::format("byte piece {}", in_quotes(piece.text)),
                         "<0x00> to <0xFF>");
    }
    const bool plain = piece.type == PieceType::kNormal || piece.type == PieceType::kUserDefined;
    if (plain && piece.text.find(' ') != std::string_view::npos) {
      return piece_error(name_, id, "a space", "U+2581 in its place");
    }
    return {};
  }

  const std::string& name_;
  SentencePieceModel& model_;
};

class ModelReader {
 public:
  explicit ModelReader(const ByteSource& source) : source_(source) {}

  Result<SentencePieceModel> read() {
    ERNIE_TRY_VOID(read_message(source_.text(), &ModelReader::take_model_field));
    ERNIE_TRY_VOID(check_settings());
    ERNIE_TRY_VOID(PieceCheck(source_.name(), model_).run());
    model_.bos_id = control_id(settings_.bos_piece);
    model_.eos_id = control_id(settings_.eos_piece);
    return std::move(model_);
  }

 private:
  using TakeField = Result<void> (ModelReader::*)(const Field&);

  TokenId control_id(std::string_view text) const {
    const auto found = model_.ids.find(text);
    if (found == model_.ids.end()) return -1;
    const Piece& piece = model_.pieces[static_cast<size_t>(found->second)];
    return piece.type == PieceType::kControl ? found->second : -1;
  }

  Result<void> read_message(std::string_view message, TakeField take_field) {
    ProtobufReader reader(source_, message);
    while (!reader.at_end()) {
      ERNIE_TRY(const Field field, reader.next());
      ERNIE_TRY_VOID((this->*take_field)(field));
    }
    return {};
  }

  Error wrong_wire_type(const Field& field, std::string_view what, WireType expected) const {
    return make_error(ErrorCode::kCorruptData, "{}: {} (field {}): got wire type {}, expected {}",
                      source_.name(), what, field.number, static_cast<int>(field.type),
                      static_cast<int>(expected));
  }

  Result<void> take(const Field& field, std::string_view what, std::string_view& out) const {
    if (field.type != WireType::kBytes) return wrong_wire_type(field, what, WireType::kBytes);
    out = field.bytes;
    return {};
  }
  Result<void> take(const Field& field, std::string_view what, uint64_t& out) const {
    if (field.type != WireType::kVarint) return wrong_wire_type(field, what, WireType::kVarint);
    out = field.value;
    return {};
  }
  Result<void> take(const Field& field, std::string_view what, bool& out) const {
    uint64_t value = 0;
    ERNIE_TRY_VOID(take(field, what, value));
    out = value != 0;
    return {};
  }

  Result<void> take_message(const Field& field, std::string_view what, TakeField take_field) {
    std::string_view message;
    ERNIE_TRY_VOID(take(field, what, message));
    return read_message(message, take_field);
  }

  Result<void> take_model_field(const Field& field) {
    switch (field.number) {
      case 1:
        return take_piece(field);
      case 2:
        return take_message(field, "trainer_spec", &ModelReader::take_trainer_field);
      case 3:
        return take_message(field, "normalizer_spec", &ModelReader::take_normalizer_field);
      case 5:
        return take_message(field, "denormalizer_spec", &ModelReader::take_denormalizer_field);
      default:
        return {};
    }
  }

  Result<void> take_piece(const Field& field) {
    if (model_.pieces.size() == kMaxPieces) {
      return make_error(ErrorCode::kUnsupported, "{}: got more than {} pieces, expected fewer",
                        source_.name(), kMaxPieces);
    }
    model_.pieces.emplace_back();
    return take_message(field, "piece", &ModelReader::take_piece_field);
  }

  Result<void> take_piece_field(const Field& field) {
    Piece& piece = model_.pieces.back();
    switch (field.number) {
      case 1:
        return take(field, "piece text", piece.text);
      case 2: {
        if (field.type != WireType::kFixed32) {
          return wrong_wire_type(field, "piece score", WireType::kFixed32);
        }
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
        return {};
      }
      case 3: {
        uint64_t type = 0;
        ERNIE_TRY_VOID(take(field, "piece type", type));
        if (type < 1 || type > 6) {
          return piece_error(source_.name(), model_.pieces.size() - 1, fmt::format("type {}", type),
                             "1 to 6");
        }
        piece.type = static_cast<PieceType>(type);
        return {};
      }
      default:
        return {};
    }
  }

  Result<void> take_trainer_field(const Field& field) {
    switch (field.number) {
      case 3:
        return take(field, "model_type", settings_.model_type);
      case 24:
        return take(field, "treat_whitespace_as_suffix", settings_.whitespace_as_suffix);
      case 35:
        return take(field, "byte_fallback", settings_.byte_fallback);
      case 46:
        return take(field, "bos_piece", settings_.bos_piece);
      case 47:
        return take(field, "eos_piece", settings_.eos_piece);
      default:
        return {};
    }
  }

  Result<void> take_normalizer_field(const Field& field) {
    switch (field.number) {
      case 1:
        return take(field, "name", settings_.normalizer);
      case 2:
        return take(field, "precompiled_charsmap", settings_.charsmap);
      case 3:
        return take(field, "add_dummy_prefix", settings_.add_dummy_prefix);
      case 4:
        return take(field, "remove_extra_whitespaces", settings_.remove_extra_whitespaces);
      case 5:
        return take(field, "escape_whitespaces", settings_.escape_whitespaces);
      default:
        return {};
    }
  }

  Result<void> take_denormalizer_field(const Field& field) {
    if (field.number != 2) return {};
    return take(field, "denormalizer charsmap", settings_.decoder_charsmap);
  }

  Result<void> expect_setting(std::string_view what, uint64_t got, uint64_t expected) const {
    if (got == expected) return {};
    return make_error(ErrorCode::kUnsupported, "{}: {}: got {}, expected {}", source_.name(), what,
                      got, expected);
  }

  Result<void> check_settings() const {
    ERNIE_TRY_VOID(expect_setting("model_type", settings_.model_type, 2));
    ERNIE_TRY_VOID(expect_setting("byte_fallback", settings_.byte_fallback, 1));
    ERNIE_TRY_VOID(expect_setting("treat_whitespace_as_suffix", settings_.whitespace_as_suffix, 0));
    ERNIE_TRY_VOID(expect_setting("add_dummy_prefix", settings_.add_dummy_prefix, 0));
    ERNIE_TRY_VOID(
        expect_setting("remove_extra_whitespaces", settings_.remove_extra_whitespaces, 0));
    ERNIE_TRY_VOID(expect_setting("escape_whitespaces", settings_.escape_whitespaces, 1));
    ERNIE_TRY_VOID(expect_setting("bytes of precompiled_charsmap", settings_.charsmap.size(), 0));
    ERNIE_TRY_VOID(
        expect_setting("bytes of denormalizer charsmap", settings_.decoder_charsmap.size(), 0));
    if (!settings_.normalizer.empty() && settings_.normalizer != "identity") {
      return make_error(ErrorCode::kUnsupported, "{}: normalizer: got {}, expected \"identity\"",
                        source_.name(), in_quotes(settings_.normalizer));
    }
    return {};
  }

  const ByteSource& source_;
  SentencePieceModel model_;
  Settings settings_;
};

}  // namespace

Result<SentencePieceModel> read_sentencepiece_model(const ByteSource& source) {
  const size_t num_bytes = source.bytes().size();
  if (num_bytes == 0 || num_bytes > kMaxModelBytes) {
    return make_error(ErrorCode::kCorruptData, "{}: got {} bytes, expected 1 to {}", source.name(),
                      num_bytes, kMaxModelBytes);
  }
  return ModelReader(source).read();
}

Result<SentencePieceModel> read_vocabulary(const Vocabulary& vocabulary) {
  if (vocabulary.pieces.size() > kMaxPieces) {
    return make_error(ErrorCode::kUnsupported, "{}: got {} pieces, expected at most {}",
                      vocabulary.name, vocabulary.pieces.size(), kMaxPieces);
  }
  SentencePieceModel model;
  for (const Vocabulary::Piece& piece : vocabulary.pieces) {
    model.pieces.push_back({piece.text, piece.score, piece.type});
  }
  ERNIE_TRY_VOID(PieceCheck(vocabulary.name, model).run());
  for (const TokenId id : {vocabulary.bos_id, vocabulary.eos_id}) {
    if (id == -1) continue;
    const bool is_there = id >= 0 && static_cast<size_t>(id) < model.pieces.size();
    if (!is_there || model.pieces[static_cast<size_t>(id)].type != PieceType::kControl) {
      return piece_error(vocabulary.name, static_cast<size_t>(static_cast<uint32_t>(id)),
                         "the role of a begin or an end", "a control piece");
    }
  }
  model.bos_id = vocabulary.bos_id;
  model.eos_id = vocabulary.eos_id;
  return model;
}

int byte_piece_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const int high = digit(text[3]), low = digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace ernie
