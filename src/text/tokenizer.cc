#include "text/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "base/utf8.h"
#include "text/bpe_encoder.h"
#include "text/phrase_matcher.h"
#include "text/sentencepiece_model.h"
#include "text/special_tokens.h"

namespace ernie {
namespace {

using PieceType = SentencePieceModel::PieceType;

// Declared special by every published ERNIE-4.5 tokenizer; the other mask pieces are plain text.
constexpr std::string_view kUsualSpecialTexts[] = {"<|begin_of_sentence|>",
                                                   "<|end_of_sentence|>",
                                                   "<mask:1>",
                                                   "<mask:4>",
                                                   "<mask:5>",
                                                   "<mask:6>",
                                                   "<mask:7>"};

std::string with_spaces(std::string_view piece) {
  constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
  std::string text;
  for (size_t at = 0; at < piece.size();) {
    const bool mark = piece.substr(at).starts_with(kSpaceMark);
    text += mark ? ' ' : piece[at];
    at += mark ? kSpaceMark.size() : 1;
  }
  return text;
}

// A user-defined piece with this look is a marker that users must not be able to write; others,
// such as digits, are text that merely never merges.
bool looks_like_marker(std::string_view text) {
  return text.size() > 2 && text.front() == '<' && text.back() == '>';
}

struct TokenInfo {
  std::string bytes;
  bool special = false;
};

// What a tokenizer is made of.
struct Tables {
  std::vector<TokenInfo> tokens;  // by id
  BpeVocabulary vocabulary;
  std::vector<PhraseMatcher::Phrase> markers;  // what kParse splits off
  TokenId bos_id = -1, eos_id = -1;
};

class TableBuilder {
 public:
  /// `name`: of the model's file, for messages.
  TableBuilder(const std::string& name, const SentencePieceModel& model,
               const SpecialTokenFiles& special)
      : name_(name), model_(model), special_(special) {}

  Result<Tables> build() {
    index_pieces();
    for (const auto& added : special_.added) ERNIE_TRY_VOID(add_token(added));
    ERNIE_TRY_VOID(declare_special());
    for (const auto& [text, id] : marker_ids_) tables_.markers.push_back({std::string(text), id});
    fill_vocabulary();
    tables_.bos_id = role_id(special_.bos_text, model_.bos_id);
    tables_.eos_id = role_id(special_.eos_text, model_.eos_id);
    return std::move(tables_);
  }

 private:
  PieceType type_of(TokenId id) const { return model_.pieces[static_cast<size_t>(id)].type; }
  bool is_piece(TokenId id) const { return static_cast<size_t>(id) < model_.pieces.size(); }
  TokenInfo& token(TokenId id) { return tables_.tokens[static_cast<size_t>(id)]; }

  void index_pieces() {
    tables_.tokens.resize(model_.pieces.size());
    for (size_t i = 0; i < model_.pieces.size(); ++i) {
      const auto& piece = model_.pieces[i];
      const auto id = static_cast<TokenId>(i);
      if (piece.type == PieceType::kControl || piece.type == PieceType::kUnknown) {
        token(id) = {std::string(piece.text), true};
        marker_ids_.emplace(piece.text, id);
      } else if (piece.type == PieceType::kByte) {
        token(id).bytes = std::string(1, static_cast<char>(byte_piece_value(piece.text)));
      } else {
        token(id).bytes = with_spaces(piece.text);
        const bool marker = piece.type == PieceType::kUserDefined && looks_like_marker(piece.text);
        if (marker) marker_ids_.emplace(piece.text, id);
      }
    }
  }

  Error clash(std::string_view text, TokenId id, std::string_view expected) const {
    return make_error(ErrorCode::kCorruptData, "{}: token {}: got id {}, expected {}", name_,
                      in_quotes(text), id, expected);
  }

  Result<void> add_token(const SpecialTokenFiles::Added& added) {
    const auto piece = model_.ids.find(added.text);
    if (piece != model_.ids.end() && piece->second != added.id) {
      return clash(added.text, added.id, fmt::format("the model's {}", piece->second));
    }
    if (piece == model_.ids.end() && is_piece(added.id)) {
      return clash(added.text, added.id, "an id that the model does not use");
    }
    const auto marker = marker_ids_.find(added.text);
    if (marker != marker_ids_.end() && marker->second != added.id) {
      return clash(added.text, added.id, fmt::format("{} as before", marker->second));
    }
    if (piece != model_.ids.end() && type_of(added.id) == PieceType::kByte) {
      return clash(added.text, added.id, "no byte piece");
    }
    // Digits are listed as added tokens as well, but they are plain text in every way.
    const bool plain = piece != model_.ids.end() && type_of(added.id) == PieceType::kUserDefined &&
                       !added.special && marker == marker_ids_.end();
    if (plain) return {};
    if (static_cast<size_t>(added.id) >= tables_.tokens.size()) {
      tables_.tokens.resize(static_cast<size_t>(added.id) + 1);
    }
    TokenInfo& info = token(added.id);
    if (!is_piece(added.id) && !info.bytes.empty() && info.bytes != added.text) {
      return clash(added.text, added.id, fmt::format("another than {}'s", in_quotes(info.bytes)));
    }
    mark(added.text, added.id, added.special);
    return {};
  }

  void mark(std::string_view text, TokenId id, bool special) {
    token(id).bytes = std::string(text);
    token(id).special |= special;
    marker_ids_.emplace(text, id);
  }

  Result<void> declare_special() {
    for (const std::string& text : special_.special_texts) ERNIE_TRY_VOID(declare(text));
    if (special_.special_texts.empty() && special_.added.empty()) {
      for (const std::string_view text : kUsualSpecialTexts) ERNIE_TRY_VOID(declare(text));
    }
    return {};
  }

  Result<void> declare(std::string_view text) {
    if (const auto marker = marker_ids_.find(text); marker != marker_ids_.end()) {
      token(marker->second).special = true;
      return {};
    }
    const auto piece = model_.ids.find(text);
    if (piece == model_.ids.end()) return {};
    if (type_of(piece->second) == PieceType::kByte) {
      return clash(text, piece->second, "no byte piece");
    }
    mark(text, piece->second, true);
    return {};
  }

  // Markers are left out, so that no plain text can become one.
  void fill_vocabulary() {
    for (size_t i = 0; i < model_.pieces.size(); ++i) {
      const auto& piece = model_.pieces[i];
      const auto id = static_cast<TokenId>(i);
      if (piece.type == PieceType::kByte) {
        tables_.vocabulary.byte_ids[static_cast<size_t>(byte_piece_value(piece.text))] = id;
      } else if (marker_ids_.contains(piece.text)) {
        continue;
      } else if (piece.type == PieceType::kUserDefined) {
        tables_.vocabulary.whole.push_back({tables_.tokens[i].bytes, id});
      } else {
        tables_.vocabulary.merged.push_back({tables_.tokens[i].bytes, piece.score, id});
      }
    }
  }

  TokenId role_id(const std::optional<std::string>& text, TokenId otherwise) const {
    const auto it = text ? marker_ids_.find(*text) : marker_ids_.end();
    return it == marker_ids_.end() ? otherwise : it->second;
  }

  const std::string& name_;
  const SentencePieceModel& model_;
  const SpecialTokenFiles& special_;
  Tables tables_;
  boost::unordered_flat_map<std::string_view, TokenId> marker_ids_;  // into the model or special_
};

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(Tables tables)
      : tokens_(std::move(tables.tokens)),
        encoder_(tables.vocabulary),
        markers_(std::move(tables.markers)),
        bos_id_(tables.bos_id),
        eos_id_(tables.eos_id) {}

  std::vector<TokenId> encode(std::string_view text, SpecialTokens special) const override {
    std::vector<TokenId> ids;
    size_t plain_begin = 0;
    for (size_t at = 0; special == SpecialTokens::kParse && at < text.size();) {
      const auto* marker = markers_.longest_prefix(text.substr(at));
      if (marker == nullptr) {
        ++at;
        continue;
      }
      encoder_.encode(text.substr(plain_begin, at - plain_begin), ids);
      ids.push_back(marker->id);
      at += marker->text.size();
      plain_begin = at;
    }
    encoder_.encode(text.substr(plain_begin), ids);
    return ids;
  }

  std::string_view token_bytes(TokenId id) const override {
    return in_use(id) ? tokens_[static_cast<size_t>(id)].bytes : std::string_view();
  }
  bool is_special(TokenId id) const override {
    return in_use(id) && tokens_[static_cast<size_t>(id)].special;
  }
  int64_t vocab_size() const override { return static_cast<int64_t>(tokens_.size()); }
  TokenId bos_id() const override { return bos_id_; }
  TokenId eos_id() const override { return eos_id_; }
  std::optional<TokenId> special_id(std::string_view token) const override {
    const auto* marker = markers_.find(token);
    return marker == nullptr ? std::nullopt : std::optional(marker->id);
  }

 private:
  bool in_use(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < tokens_.size(); }

  std::vector<TokenInfo> tokens_;
  BpeEncoder encoder_;
  PhraseMatcher markers_;
  TokenId bos_id_, eos_id_;
};

Result<ByteSource> map_optional(const std::filesystem::path& path) {
  std::error_code code;
  if (!std::filesystem::exists(path, code) && !code) return ByteSource();
  return ByteSource::map_file(path.string());
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::from_files(const Files& files) {
  ERNIE_TRY(const SentencePieceModel model, read_sentencepiece_model(files.model));
  ERNIE_TRY(const SpecialTokenFiles special, read_special_tokens(files));
  ERNIE_TRY(Tables tables, TableBuilder(files.model.name(), model, special).build());
  return std::make_shared<const BpeTokenizer>(std::move(tables));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::from_vocabulary(const Vocabulary& vocabulary) {
  ERNIE_TRY(const SentencePieceModel model, read_vocabulary(vocabulary));
  ERNIE_TRY(Tables tables, TableBuilder(vocabulary.name, model, {}).build());
  return std::make_shared<const BpeTokenizer>(std::move(tables));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  Files files;
  if (!fs::is_directory(path, code)) {
    ERNIE_TRY(files.model, ByteSource::map_file(path));
    return from_files(files);
  }
  const fs::path directory(path);
  if (!fs::exists(directory / "tokenizer.model", code) &&
      fs::exists(directory / "tokenizer.json", code)) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: got tokenizer.json alone, expected tokenizer.model (the SentencePiece "
                      "file that the model was published with)",
                      path);
  }
  ERNIE_TRY(files.model, ByteSource::map_file((directory / "tokenizer.model").string()));
  ERNIE_TRY(files.added_tokens, map_optional(directory / "added_tokens.json"));
  ERNIE_TRY(files.special_tokens_map, map_optional(directory / "special_tokens_map.json"));
  ERNIE_TRY(files.tokenizer_config, map_optional(directory / "tokenizer_config.json"));
  return from_files(files);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (keep_special || !is_special(id)) bytes += token_bytes(id);
  }
  std::string text;
  if (append_as_utf8(bytes, text) > 0) text += kReplacementCharacter;
  return text;
}

}  // namespace ernie
