#pragma once

/// For tests: where tokenizers are, and models made by hand.

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"

namespace ernie::testing {

inline std::string tiny_directory() {
  return std::string(ERNIE_SOURCE_DIR) + "/tests/data/tokenizer_tiny";
}

/// The published ERNIE-4.5 tokenizer, which is not part of the sources.
inline std::optional<std::string> genuine_directory() {
  const char* variable = std::getenv("ERNIE_TOKENIZER_DIR");
  const std::string path =
      variable ? variable : std::string(ERNIE_SOURCE_DIR) + "/../shared/data/ernie45";
  if (!std::filesystem::exists(path + "/tokenizer.model")) return std::nullopt;
  return path;
}

inline constexpr char kNoGenuineTokenizer[] =
    "the published tokenizer is not here: set ERNIE_TOKENIZER_DIR to its directory";

inline std::shared_ptr<const Tokenizer> load_or_die(const std::string& path) {
  auto tokenizer = Tokenizer::load(path);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    std::abort();
  }
  return *tokenizer;
}

/// Writes protobuf, independently of the reader.
class ProtobufWriter {
 public:
  ProtobufWriter& varint(uint32_t field, uint64_t value) {
    raw(static_cast<uint64_t>(field) << 3 | 0);
    return raw(value);
  }
  ProtobufWriter& fixed32(uint32_t field, float value) {
    raw(static_cast<uint64_t>(field) << 3 | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i));
    return *this;
  }
  ProtobufWriter& string(uint32_t field, std::string_view value) {
    raw(static_cast<uint64_t>(field) << 3 | 2);
    raw(value.size());
    bytes += value;
    return *this;
  }
  ProtobufWriter& raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
    return *this;
  }
  std::string bytes;
};

/// A tokenizer.model to be changed field by field.
struct ModelSpec {
  struct Piece {
    std::string text;
    float score = 0;
    SentencePieceModel::PieceType type = SentencePieceModel::PieceType::kNormal;
  };
  std::vector<Piece> pieces;
  uint64_t model_type = 2;
  bool byte_fallback = true;
  std::string normalizer = "identity", charsmap;
  bool add_dummy_prefix = false, remove_extra_whitespaces = false, escape_whitespaces = true;

  std::string serialized() const {
    ProtobufWriter model;
    for (const Piece& piece : pieces) {
      ProtobufWriter out;
      out.string(1, piece.text)
          .fixed32(2, piece.score)
          .varint(3, static_cast<uint64_t>(piece.type));
      model.string(1, out.bytes);
    }
    model.string(2, ProtobufWriter().varint(3, model_type).varint(35, byte_fallback).bytes);
    ProtobufWriter rules;
    rules.string(1, normalizer).string(2, charsmap).varint(3, add_dummy_prefix);
    rules.varint(4, remove_extra_whitespaces).varint(5, escape_whitespaces);
    return model.string(3, rules.bytes).bytes;
  }
};

/// `<unk>`, `<s>`, `</s>`, ten digits and the 256 bytes at the published model's ids.
inline ModelSpec minimal_model() {
  using Type = SentencePieceModel::PieceType;
  ModelSpec spec;
  spec.pieces = {
      {"<unk>", 0, Type::kUnknown}, {"<s>", 0, Type::kControl}, {"</s>", 0, Type::kControl}};
  for (char c = '0'; c <= '9'; ++c) {
    spec.pieces.push_back({std::string(1, c), 0, Type::kUserDefined});
  }
  for (int i = 0; i < 256; ++i) {
    spec.pieces.push_back({fmt::format("<0x{:02X}>", i), 0, Type::kByte});
  }
  return spec;
}

inline void append_utf8(std::string& text, uint32_t c) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Well-formed text without U+2581: pieces of the vocabulary, runs, letters of a small alphabet,
/// spaces, digits, and characters from anywhere.
class RandomText {
 public:
  RandomText(const Tokenizer& tokenizer, uint64_t seed) : random_(seed) {
    for (TokenId id = 269; id < tokenizer.vocab_size(); ++id) {
      const auto bytes = tokenizer.token_bytes(id);
      if (!bytes.empty() && is_utf8(bytes)) pieces_.emplace_back(bytes);
    }
  }

  std::string next(size_t max_parts) {
    std::string text;
    for (size_t n = below(max_parts) + 1; n > 0; --n) add_part(text);
    return text;
  }
  size_t below(size_t n) { return random_() % n; }

 private:
  void add_part(std::string& text) {
    const size_t kind = below(10);
    if (kind < 4) {
      text += pieces_[below(pieces_.size())];
    } else if (kind < 6) {
      for (size_t n = below(8); n > 0; --n) text += "aabbn thero"[below(11)];
    } else if (kind == 6) {
      text += std::string(below(20), " ab0\n<="[below(7)]);
    } else if (kind == 7) {
      text += static_cast<char>(below(128));
    } else if (kind == 8) {
      const std::string& piece = pieces_[below(pieces_.size())];
      for (size_t n = below(5); n > 0; --n) text += piece;
    } else {
      uint32_t c = static_cast<uint32_t>(below(2) ? below(0x110000) : below(0x3000));
      if ((c >= 0xD800 && c < 0xE000) || c == 0x2581) c = 0x4E2D;
      append_utf8(text, c);
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> pieces_;
};

}  // namespace ernie::testing
