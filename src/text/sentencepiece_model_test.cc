#include "text/sentencepiece_model.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/test_source.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using testing::minimal_model;
using testing::ModelSpec;
using testing::ProtobufWriter;
using Type = SentencePieceModel::PieceType;

std::string error_of(const std::string& bytes) {
  const auto source = kept_source("f", bytes);
  const auto model = read_sentencepiece_model(source);
  return model ? "" : model.error().message;
}

TEST(SentencePieceModel, ReadsPiecesTypesAndRoles) {
  ModelSpec spec = minimal_model();
  spec.pieces.push_back({"\u2581a", -1.5f, Type::kNormal});
  const auto source = kept_source("f", spec.serialized());
  const auto model = read_sentencepiece_model(source);
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->pieces.size(), 270u);
  EXPECT_EQ(model->pieces[269].text, "\u2581a");
  EXPECT_EQ(model->pieces[269].score, -1.5f);
  EXPECT_EQ(model->pieces[3].type, Type::kUserDefined);
  EXPECT_EQ(model->ids.at("\u2581a"), 269);
  EXPECT_EQ(model->unk_id, 0);
  EXPECT_EQ(model->bos_id, 1);
  EXPECT_EQ(model->eos_id, 2);
}

TEST(SentencePieceModel, NamesWhatIsWrong) {
  struct Case {
    std::function<void(ModelSpec&)> change;
    std::string message;
  };
  const auto add = [](std::string text, float score = 0, Type type = Type::kNormal) {
    return [=](ModelSpec& spec) { spec.pieces.push_back({text, score, type}); };
  };
  const Case cases[] = {
      {[](ModelSpec& s) { s.model_type = 1; }, "f: model_type: got 1, expected 2"},
      {[](ModelSpec& s) { s.byte_fallback = false; }, "f: byte_fallback: got 0, expected 1"},
      {[](ModelSpec& s) { s.add_dummy_prefix = true; }, "f: add_dummy_prefix: got 1, expected 0"},
      {[](ModelSpec& s) { s.remove_extra_whitespaces = true; },
       "f: remove_extra_whitespaces: got 1, expected 0"},
      {[](ModelSpec& s) { s.escape_whitespaces = false; },
       "f: escape_whitespaces: got 0, expected 1"},
      {[](ModelSpec& s) { s.charsmap = "xyz"; },
       "f: bytes of precompiled_charsmap: got 3, expected 0"},
      {[](ModelSpec& s) { s.normalizer = "nmt_nfkc"; },
       "f: normalizer: got \"nmt_nfkc\", expected \"identity\""},
      {[](ModelSpec& s) { s.pieces.pop_back(); }, "f: got 255 byte pieces, expected 256"},
      {[](ModelSpec& s) { s.pieces[0].type = Type::kControl; },
       "f: got no unknown piece, expected one"},
      {add("x", 0, Type::kUnknown), "f: piece 269: got a second unknown piece, expected one"},
      {add(""), "f: piece 269: got 0 bytes of text, expected 1 to 256"},
      {add(std::string(257, 'x')), "f: piece 269: got 257 bytes of text, expected 1 to 256"},
      {add("<s>"), "f: piece 269: got \"<s>\" again, expected each text once"},
      {add("a\xFF"), "f: piece 269: got text that is not UTF-8, expected UTF-8"},
      {add("a b"), "f: piece 269: got a space, expected U+2581 in its place"},
      {add("a", std::numeric_limits<float>::quiet_NaN()),
       "f: piece 269: got score nan, expected a finite score"},
      {add("a", std::numeric_limits<float>::infinity()),
       "f: piece 269: got score inf, expected a finite score"},
      {add("a", 0, Type::kUnused), "f: piece 269: got type UNUSED, expected a piece in use"},
      {add("a", 0, static_cast<Type>(7)), "f: piece 269: got type 7, expected 1 to 6"},
      {add("<0x0a>", 0, Type::kByte),
       "f: piece 269: got byte piece \"<0x0a>\", expected <0x00> to <0xFF>"},
      {add("<0x-1>", 0, Type::kByte),
       "f: piece 269: got byte piece \"<0x-1>\", expected <0x00> to <0xFF>"},
  };
  for (const Case& c : cases) {
    ModelSpec spec = minimal_model();
    c.change(spec);
    EXPECT_EQ(error_of(spec.serialized()), c.message);
  }
}

TEST(SentencePieceModel, AbsentSettingsHaveTheFormatsDefaults) {
  // No trainer_spec: the format's default is a unigram model. No normalizer_spec: a dummy prefix.
  EXPECT_EQ(error_of(ProtobufWriter().string(1, "").bytes), "f: model_type: got 1, expected 2");
  const std::string trainer = ProtobufWriter().varint(3, 2).varint(35, 1).bytes;
  EXPECT_EQ(error_of(ProtobufWriter().string(2, trainer).bytes),
            "f: add_dummy_prefix: got 1, expected 0");
  EXPECT_EQ(error_of(""), "f: got 0 bytes, expected 1 to 67108864");
}

TEST(SentencePieceModel, ChecksTheWireFormat) {
  const std::string eleven(11, '\xFF');
  EXPECT_EQ(error_of("\x0A" + eleven),
            "f: byte 1: got a number of more than 10 bytes, expected at most 10");
  EXPECT_EQ(error_of("\x0A"), "f: byte 1: the message ends within a number");
  EXPECT_EQ(error_of("\x0A\x05zz"),
            "f: byte 0: got a field of 5 bytes, expected at most the 2 left");
  EXPECT_EQ(error_of(std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11)),
            "f: byte 0: got a field of 18446744073709551615 bytes, expected at most the 0 left");
  EXPECT_EQ(error_of("\x0B"), "f: byte 0: got wire type 3, expected 0, 1, 2 or 5");
  EXPECT_EQ(error_of("\x0F"), "f: byte 0: got wire type 7, expected 0, 1, 2 or 5");
  EXPECT_EQ(error_of(std::string("\x00", 1)),
            "f: byte 0: got field number 0, expected 1 to 536870911");
  EXPECT_EQ(error_of(ProtobufWriter().varint(1, 5).bytes),
            "f: piece (field 1): got wire type 0, expected 2");
  EXPECT_EQ(error_of(std::string("\x0A\x03\x15zz", 5)), "f: byte 3: got 2 bytes, expected 4");
}

TEST(SentencePieceModel, EveryTruncationAndManyChangesAreErrorsOrModels) {
  const std::string whole = minimal_model().serialized();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(whole.substr(0, size)), "") << size;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string changed = whole;
    changed[random() % changed.size()] = static_cast<char>(random());
    error_of(changed);
  }
}

TEST(SentencePieceModel, BytePiecesAreSpelledOneWay) {
  EXPECT_EQ(byte_piece_value("<0x00>"), 0);
  EXPECT_EQ(byte_piece_value("<0xFF>"), 255);
  EXPECT_EQ(byte_piece_value("<0x4A>"), 74);
  for (const char* text : {"<0x4a>", "<0xG0>", "<0x+1>", "<0x100>", "<0x0>", "0x00", ""}) {
    EXPECT_EQ(byte_piece_value(text), -1) << text;
  }
}

}  // namespace
}  // namespace ernie
