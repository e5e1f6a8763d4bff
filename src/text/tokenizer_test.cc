#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/test_directory.h"
#include "base/test_source.h"
#include "text/sentencepiece_model.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using testing::genuine_directory;
using testing::kNoGenuineTokenizer;
using testing::load_or_die;
using testing::minimal_model;
using testing::ModelSpec;
using testing::RandomText;
using testing::tiny_directory;
using Ids = std::vector<TokenId>;
using Type = SentencePieceModel::PieceType;

std::string joined(const Tokenizer& tokenizer, const Ids& ids) {
  std::string bytes;
  for (const TokenId id : ids) bytes += tokenizer.token_bytes(id);
  return bytes;
}

TEST(Tokenizer, TinyModelsTables) {
  const auto tokenizer = load_or_die(tiny_directory());
  EXPECT_EQ(tokenizer->vocab_size(), 440);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_EQ(tokenizer->token_bytes(0), "<unk>");
  EXPECT_EQ(tokenizer->token_bytes(5), "2");
  EXPECT_EQ(tokenizer->token_bytes(13 + 10 + 1), "\n");
  EXPECT_EQ(tokenizer->token_bytes(14), std::string_view("\0", 1));
  for (const TokenId id : {-1, 440, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(tokenizer->token_bytes(id), "");
    EXPECT_FALSE(tokenizer->is_special(id));
  }
}

TEST(Tokenizer, SpecialTokensAreParsedOnlyWhenAsked) {
  const auto tokenizer = load_or_die(tiny_directory());
  const auto special = [&](const char* text) { return tokenizer->special_id(text).value_or(-1); };
  const TokenId end = special("<|end_of_sentence|>");
  const TokenId loc = special("<|LOC_1|>");
  EXPECT_EQ(end, 426);
  EXPECT_EQ(loc, 437);
  EXPECT_EQ(tokenizer->encode("<|end_of_sentence|>", SpecialTokens::kParse), Ids{end});
  EXPECT_EQ(tokenizer->encode("</s><unk><s>", SpecialTokens::kParse), (Ids{2, 0, 1}));
  // The longest at each place; what remains is text.
  EXPECT_EQ(tokenizer->encode("<|LOC_1|>", SpecialTokens::kParse), Ids{loc});
  EXPECT_EQ(tokenizer->encode("<|LOC_1|>|>", SpecialTokens::kParse), Ids{special("<|LOC_1|>|>")});
  EXPECT_EQ(tokenizer->encode("<|LOC_10|>", SpecialTokens::kParse), Ids{special("<|LOC_10|>")});
  const Ids mixed = tokenizer->encode("the<|LOC_1|>cat", SpecialTokens::kParse);
  Ids expected = tokenizer->encode("the", SpecialTokens::kAsText);
  expected.push_back(loc);
  for (const TokenId id : tokenizer->encode("cat", SpecialTokens::kAsText)) expected.push_back(id);
  EXPECT_EQ(mixed, expected);
  // A piece that no file declares special is plain text, and unreachable.
  EXPECT_EQ(special("<mask:2>"), -1);
  EXPECT_GT(tokenizer->encode("<mask:2>", SpecialTokens::kParse).size(), 1u);
}

TEST(Tokenizer, WhatIsSpecial) {
  const auto tokenizer = load_or_die(tiny_directory());
  for (const char* text : {"<s>", "</s>", "<unk>", "<|begin_of_sentence|>", "<mask:1>", "<mask:4>",
                           "<mask:5>", "<|IMAGE_PLACEHOLDER|>", "<|LOC_10|>"}) {
    ASSERT_TRUE(tokenizer->special_id(text)) << text;
    EXPECT_TRUE(tokenizer->is_special(*tokenizer->special_id(text))) << text;
  }
  // Added, but nowhere declared special.
  EXPECT_FALSE(tokenizer->is_special(tokenizer->special_id("<|LOC_1|>|>").value()));
  for (const TokenId digit : {3, 12}) EXPECT_FALSE(tokenizer->is_special(digit));
  EXPECT_FALSE(tokenizer->is_special(23));
}

TEST(Tokenizer, NoTextBecomesASpecialToken) {
  const auto genuine = genuine_directory();
  const auto tokenizer = load_or_die(genuine.value_or(tiny_directory()));
  Ids specials;
  for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
    if (tokenizer->special_id(tokenizer->token_bytes(id)) == id) specials.push_back(id);
  }
  ASSERT_GE(specials.size(), genuine ? 14u : 12u);
  const std::vector<bool> forbidden = [&] {
    std::vector<bool> out(static_cast<size_t>(tokenizer->vocab_size()));
    for (const TokenId id : specials) out[static_cast<size_t>(id)] = true;
    return out;
  }();
  RandomText random(*tokenizer, 21);
  for (const TokenId special : specials) {
    for (int i = 0; i < 100; ++i) {
      const std::string text =
          random.next(3) + std::string(tokenizer->token_bytes(special)) + random.next(3);
      const Ids ids = tokenizer->encode(text, SpecialTokens::kAsText);
      for (const TokenId id : ids) ASSERT_FALSE(forbidden[static_cast<size_t>(id)]) << text;
      ASSERT_EQ(joined(*tokenizer, ids), text);
    }
  }
}

TEST(Tokenizer, EveryByteStringComesBack) {
  for (const std::string& directory :
       {tiny_directory(), genuine_directory().value_or(tiny_directory())}) {
    const auto tokenizer = load_or_die(directory);
    RandomText random(*tokenizer, 31);
    for (int i = 0; i < 20000; ++i) {
      std::string text = random.next(8);
      for (size_t n = random.below(4); n > 0; --n) {
        text.insert(random.below(text.size() + 1), 1, static_cast<char>(random.below(256)));
      }
      if (random.below(8) == 0) text += "\u2581a\u2581";
      for (const auto special : {SpecialTokens::kAsText, SpecialTokens::kParse}) {
        const Ids ids = tokenizer->encode(text, special);
        ASSERT_EQ(joined(*tokenizer, ids), text);
        for (const TokenId id : ids) ASSERT_LT(id, tokenizer->vocab_size());
      }
    }
  }
}

TEST(Tokenizer, BytesThatAreNotUtf8BecomeByteTokens) {
  const auto tokenizer = load_or_die(tiny_directory());
  EXPECT_EQ(tokenizer->encode("a\xFF", SpecialTokens::kAsText).back(), 14 + 0xFF);
  EXPECT_EQ(tokenizer->encode("\xE4\xB8", SpecialTokens::kAsText), (Ids{14 + 0xE4, 14 + 0xB8}));
  EXPECT_EQ(tokenizer->encode("\u2581", SpecialTokens::kAsText),
            (Ids{14 + 0xE2, 14 + 0x96, 14 + 0x81}));
}

TEST(Tokenizer, DecodeReplacesWhatIsNotUtf8) {
  const auto tokenizer = load_or_die(tiny_directory());
  const auto byte = [](int value) { return 14 + value; };
  EXPECT_EQ(tokenizer->decode(Ids{byte(0xE4), byte(0xB8), byte(0xAD)}, false), "中");
  EXPECT_EQ(tokenizer->decode(Ids{byte(0xE4), byte(0xB8), byte('x')}, false), "\uFFFDx");
  EXPECT_EQ(tokenizer->decode(Ids{byte('x'), byte(0xE4)}, false), "x\uFFFD");
  EXPECT_EQ(tokenizer->decode(Ids{1, byte('x'), 2}, false), "x");
  EXPECT_EQ(tokenizer->decode(Ids{1, byte('x'), 2}, true), "<s>x</s>");
  EXPECT_EQ(tokenizer->decode(Ids{}, true), "");
}

// From files in memory.

struct SideFiles {
  std::string added, map, config;
};

Result<std::shared_ptr<const Tokenizer>> make(const ModelSpec& spec, const SideFiles& side) {
  const auto source = [](std::string name, const std::string& text) {
    return text.empty() ? ByteSource() : kept_source(std::move(name), text);
  };
  return Tokenizer::from_files({kept_source("model", spec.serialized()),
                                source("added", side.added), source("map", side.map),
                                source("config", side.config)});
}

ModelSpec model_with(std::vector<ModelSpec::Piece> pieces) {
  ModelSpec spec = minimal_model();
  spec.pieces.insert(spec.pieces.end(), pieces.begin(), pieces.end());
  return spec;
}

TEST(Tokenizer, SideFileErrorsNameFileTokenGotAndExpected) {
  const ModelSpec spec = model_with({{"x", -1, Type::kNormal}});
  const std::pair<SideFiles, std::string> cases[] = {
      {{"[]", "", ""}, "added: got a list, expected a JSON object"},
      {{"{", "", ""}, "added: got invalid JSON after byte 1 (incomplete JSON)"},
      {{R"({"<a>": 1048576})", "", ""},
       "added: token \"<a>\": got id 1048576, expected 0 to 1048575"},
      {{R"({"<a>": 300, "<a>": 301})", "", ""},
       "added: got the key \"<a>\" twice, expected it once"},
      {{R"({"<a>": -1})", "", ""}, "added: token \"<a>\": got id -1, expected 0 to 1048575"},
      {{R"({"<a>": 1.5})", "", ""},
       "added: token \"<a>\": got id no integer, expected 0 to 1048575"},
      {{R"({"<a>": "7"})", "", ""},
       "added: token \"<a>\": got id no integer, expected 0 to 1048575"},
      {{R"({"": 300})", "", ""}, "added: \"\": got a token of 0 bytes, expected 1 to 256"},
      {{R"({"<a>": 300, "<b>": 300})", "", ""},
       "model: token \"<b>\": got id 300, expected another than \"<a>\"'s"},
      {{R"({"<a>": 5})", "", ""},
       "model: token \"<a>\": got id 5, expected an id that the model does not use"},
      {{R"({"x": 300})", "", ""}, "model: token \"x\": got id 300, expected the model's 269"},
      {{R"({"<0x41>": 78})", "", ""}, "model: token \"<0x41>\": got id 78, expected no byte piece"},
      {{"", R"({"mask_token": "<0x41>"})", ""},
       "model: token \"<0x41>\": got id 78, expected no byte piece"},
      {{"", R"({"bos_token": 7})", ""},
       "map: \"bos_token\": got a JSON int64, expected a token's text"},
      {{"", R"({"additional_special_tokens": "x"})", ""},
       "map: additional_special_tokens: got a JSON string, expected an array"},
      {{"", "", R"({"added_tokens_decoder": []})"},
       "config: added_tokens_decoder: got a JSON array, expected an object"},
      {{"", "", R"({"added_tokens_decoder": {"3x": {"content": "<a>"}}})"},
       "config: token \"<a>\": got id no integer, expected 0 to 1048575"},
      {{R"({"<a>": 300})", "", R"({"added_tokens_decoder": {"301": {"content": "<a>"}}})"},
       "model: token \"<a>\": got id 301, expected 300 as before"},
  };
  for (const auto& [side, message] : cases) {
    const auto tokenizer = make(spec, side);
    ASSERT_FALSE(tokenizer) << message;
    EXPECT_EQ(tokenizer.error().message, message);
  }
}

TEST(Tokenizer, TakesAddedTokensFromEitherFile) {
  const ModelSpec spec = model_with({{"<|x|>", 0, Type::kUserDefined}, {"y", -1, Type::kNormal}});
  const auto tokenizer = make(spec, {R"({"<a>": 300})", "",
                                     R"({"eos_token": "<b>", "added_tokens_decoder": {
                      "300": {"content": "<a>", "special": true},
                      "301": {"content": "<b>", "special": true},
                      "302": {"content": "<c>", "special": false},
                      "3": {"content": "0", "special": false}}})"});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const Tokenizer& t = **tokenizer;
  EXPECT_EQ(t.vocab_size(), 303);
  EXPECT_EQ(t.eos_id(), 301);
  EXPECT_EQ(t.encode("<a><b><c>0", SpecialTokens::kParse), (Ids{300, 301, 302, 3}));
  EXPECT_TRUE(t.is_special(300));
  EXPECT_FALSE(t.is_special(302));
  EXPECT_EQ(t.token_bytes(290), "");
  EXPECT_EQ(t.encode("0", SpecialTokens::kAsText), Ids{3});
  EXPECT_FALSE(t.special_id("0"));
  // A user-defined piece that looks like a marker is one, whether a file says so or not.
  EXPECT_EQ(t.encode("<|x|>", SpecialTokens::kParse), Ids{269});
  EXPECT_EQ(t.encode("<|x|>", SpecialTokens::kAsText).size(), 5u);
}

TEST(Tokenizer, APieceDeclaredSpecialCannotBeMergedInto) {
  const ModelSpec spec = model_with({{"a", -1, Type::kNormal},
                                     {"ab", 0, Type::kNormal},
                                     {"b", -2, Type::kNormal},
                                     {"é", -3, Type::kNormal}});
  EXPECT_EQ((*make(spec, {}))->encode("abé", SpecialTokens::kAsText), (Ids{270, 272}));
  const auto t = *make(spec, {"", R"({"x_token": "ab", "y_token": "é"})", ""});
  EXPECT_EQ(t->encode("abé", SpecialTokens::kAsText), (Ids{269, 271, 13 + 0xC3, 13 + 0xA9}));
  EXPECT_EQ(t->encode("abé", SpecialTokens::kParse), (Ids{270, 272}));
}

TEST(Tokenizer, ErnieNamesAreSpecialWithoutSideFiles) {
  const ModelSpec spec = model_with({{"<|begin_of_sentence|>", 0, Type::kNormal},
                                     {"<mask:1>", 0, Type::kNormal},
                                     {"<mask:2>", 0, Type::kNormal}});
  const auto t = *make(spec, {});
  EXPECT_EQ(t->special_id("<|begin_of_sentence|>"), 269);
  EXPECT_EQ(t->special_id("<mask:1>"), 270);
  EXPECT_FALSE(t->special_id("<mask:2>"));
}

TEST(Tokenizer, LoadsAFileOrADirectory) {
  EXPECT_TRUE(Tokenizer::load(tiny_directory() + "/tokenizer.model"));
  const TestDirectory directory;
  const auto missing = Tokenizer::load(directory.path());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  directory.write("tokenizer.json", "{}");
  const auto json_only = Tokenizer::load(directory.path());
  ASSERT_FALSE(json_only);
  EXPECT_EQ(json_only.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(json_only.error().message.find("got tokenizer.json alone, expected tokenizer.model"),
            std::string::npos);
}

// Ids recorded from the published model.
TEST(Tokenizer, PublishedModelGivesThePublishedIds) {
  if (!genuine_directory()) GTEST_SKIP() << kNoGenuineTokenizer;
  const auto tokenizer = load_or_die(*genuine_directory());
  const std::pair<std::string, Ids> cases[] = {
      {"Hello, world!", {16276, 93938, 3135, 94018}},
      {"The capital of France is", {700, 9689, 315, 10298, 357}},
      {" The capital", {526, 9689}},
      {"你好，世界。", {5300, 93956, 2502, 93977}},
      {"北京是中国的首都", {3991, 93986, 14740, 37102}},
      {"1234567890", {4, 5, 6, 7, 8, 9, 10, 11, 12, 3}},
      {"3.14159", {6, 93937, 4, 7, 4, 8, 12}},
      {"a\n\nb", {93922, 23, 23, 93939}},
      {"😀", {253, 172, 165, 141}},
      {"naïve café", {1061, 95964, 698, 89043}},
      {"", {}},
      {" ", {93919}},
      {"\tint main() {\r\n    return 0;\r\n}",
       {22, 446, 2872, 456, 2033, 23, 270, 508, 93919, 3, 1040, 23, 93973}},
      {"  two  spaces   three    four", {269, 12257, 269, 31668, 269, 2303, 270, 20296}},
      {"def fibonacci(n):\n    if n <= 1:\n        return n\n",
       {565, 8155, 275,   50813, 93949, 93924, 1144, 23,  270, 342,
        311, 4663, 93919, 4,     93963, 23,    283,  508, 311, 23}},
      {"Large language model is", {36194, 3934, 1869, 357}},
      {"Once upon a time, there was a", {15952, 4135, 274, 960, 93938, 883, 511, 274}},
      {"Ａ１２", {252, 201, 174, 98017, 98345}},
      {"ﬁ", {252, 185, 142}},
      {std::string(40, 'a'), {85513, 85513, 39958}},
      {"Привет, мир!", {94901, 2035, 22460, 93938, 1600, 15505, 94018}},
      {"<mask:2>", {93953, 4279, 93963, 5, 93951}},
      {"Hey! I'm here to help you with whatever you need. Are you feeling a bit overwhelmed or "
       "stressed? I'm here to listen and provide support.",
       {25027, 94018, 354,   93968, 93933, 1660,  318,  2165,  536,  441,  11293, 536,
        1338,  93937, 11200, 536,   13465, 274,   2585, 37356, 1563, 467,  64206, 94009,
        354,   93968, 93933, 1660,  318,   18372, 326,  1686,  1828, 93937}},
      {" I don't have consciousness in the way humans do. I'm a text-based AI created to process "
       "and generate responses based on patterns in data.",
       {354,   1504, 93968, 93921, 602,  43696, 307,   290,  1709,  15336, 596,
        93937, 354,  93968, 93933, 274,  2286,  93942, 5542, 22854, 4557,  318,
        1739,  326,  8333,  11234, 2929, 400,   12530, 307,  821,   93937}},
  };
  for (const auto& [text, ids] : cases) {
    EXPECT_EQ(tokenizer->encode(text, SpecialTokens::kAsText), ids) << text;
    EXPECT_EQ(tokenizer->encode(text, SpecialTokens::kParse), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids, false), text);
  }
  for (int length = 1; length <= 16; ++length) {
    EXPECT_EQ(
        tokenizer->encode(std::string(static_cast<size_t>(length), ' '), SpecialTokens::kAsText)
            .size(),
        1u);
  }
}

TEST(Tokenizer, PublishedModelsSpecialTokens) {
  if (!genuine_directory()) GTEST_SKIP() << kNoGenuineTokenizer;
  const auto tokenizer = load_or_die(*genuine_directory());
  EXPECT_EQ(tokenizer->vocab_size(), 101304);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  const std::pair<const char*, TokenId> cases[] = {{"<unk>", 0},
                                                   {"<s>", 1},
                                                   {"</s>", 2},
                                                   {"<|end_of_sentence|>", 100272},
                                                   {"<|begin_of_sentence|>", 100273},
                                                   {"<mask:1>", 100274},
                                                   {"<mask:4>", 100277},
                                                   {"<mask:7>", 100280},
                                                   {"<|IMAGE_PLACEHOLDER|>", 100295},
                                                   {"<|LOC_0|>", 100297},
                                                   {"<|LOC_1000|>", 101297},
                                                   {"<|IMAGE_SEP|>", 101303}};
  for (const auto& [text, id] : cases) {
    EXPECT_EQ(tokenizer->special_id(text), id) << text;
    EXPECT_EQ(tokenizer->encode(text, SpecialTokens::kParse), Ids{id});
    EXPECT_TRUE(tokenizer->is_special(id)) << text;
    EXPECT_EQ(tokenizer->token_bytes(id), text);
  }
  EXPECT_FALSE(tokenizer->special_id("<mask:2>"));
}

/// What a checkpoint with the pieces of a tokenizer.model would bring.
Vocabulary vocabulary_of(const SentencePieceModel& model) {
  Vocabulary vocabulary{.name = "model.gguf", .bos_id = model.bos_id, .eos_id = model.eos_id};
  for (const auto& piece : model.pieces) {
    vocabulary.pieces.push_back({std::string(piece.text), piece.score, piece.type});
  }
  return vocabulary;
}

TEST(TokenizerOfACheckpoint, IsThatOfTheFileWithTheSamePieces) {
  const std::string path = testing::tiny_directory() + "/tokenizer.model";
  const auto file = ByteSource::map_file(path).value();
  const auto of_file = Tokenizer::load(path).value();
  std::shared_ptr<const Tokenizer> own;
  {
    const Vocabulary vocabulary = vocabulary_of(read_sentencepiece_model(file).value());
    own = Tokenizer::from_vocabulary(vocabulary).value();
  }
  EXPECT_EQ(own->vocab_size(), of_file->vocab_size());
  EXPECT_EQ(own->bos_id(), of_file->bos_id());
  EXPECT_EQ(own->eos_id(), of_file->eos_id());
  const std::string texts[] = {"", "Hello world 42\n", "</s><s>", "\xFF\xE2\x96\x81 x", "你好"};
  for (const std::string& text : texts) {
    for (const SpecialTokens special : {SpecialTokens::kAsText, SpecialTokens::kParse}) {
      EXPECT_EQ(own->encode(text, special), of_file->encode(text, special)) << text;
    }
    EXPECT_EQ(own->decode(own->encode(text, SpecialTokens::kAsText), true),
              of_file->decode(of_file->encode(text, SpecialTokens::kAsText), true));
  }
  for (TokenId id = 0; id < own->vocab_size(); ++id) {
    EXPECT_EQ(own->token_bytes(id), of_file->token_bytes(id)) << id;
    EXPECT_EQ(own->is_special(id), of_file->is_special(id)) << id;
  }
}

TEST(TokenizerOfACheckpoint, IsCheckedAsAFileIs) {
  const auto file = ByteSource::map_file(testing::tiny_directory() + "/tokenizer.model").value();
  const Vocabulary whole = vocabulary_of(read_sentencepiece_model(file).value());
  const auto message = [&](const std::function<void(Vocabulary&)>& spoil) {
    Vocabulary vocabulary = whole;
    spoil(vocabulary);
    const auto tokenizer = Tokenizer::from_vocabulary(vocabulary);
    return tokenizer ? std::string("made") : tokenizer.error().message;
  };
  EXPECT_EQ(message([](Vocabulary&) {}), "made");
  EXPECT_EQ(message([](Vocabulary& v) { v.pieces.clear(); }),
            "model.gguf: got 0 byte pieces, expected 256");
  EXPECT_EQ(message([](Vocabulary& v) { v.pieces.back().text = "\xFF"; }),
            fmt::format("model.gguf: piece {}: got text that is not UTF-8, expected UTF-8",
                        whole.pieces.size() - 1));
  EXPECT_EQ(
      message([](Vocabulary& v) { v.pieces.resize(kMaxPieces + 1); }),
      fmt::format("model.gguf: got {} pieces, expected at most {}", kMaxPieces + 1, kMaxPieces));
  EXPECT_NE(message([](Vocabulary& v) { v.bos_id = INT32_MAX; }).find("expected a control piece"),
            std::string::npos);
  EXPECT_NE(message([](Vocabulary& v) { v.eos_id = -2; }).find("expected a control piece"),
            std::string::npos);
  EXPECT_EQ(message([](Vocabulary& v) { v.bos_id = v.eos_id = -1; }), "made");
}

}  // namespace
}  // namespace ernie
