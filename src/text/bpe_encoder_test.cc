#include "text/bpe_encoder.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sentencepiece_processor.h>

#include <ctime>

#include "base/test_source.h"
#include "text/test_tokenizers.h"

namespace ernie {
namespace {

using testing::genuine_directory;
using testing::kNoGenuineTokenizer;
using testing::load_or_die;
using testing::RandomText;
using testing::tiny_directory;

std::string read_model(const std::string& directory) {
  return *read_text_file(directory + "/tokenizer.model", kMaxModelBytes);
}

// The model as it stands, nothing special: what SentencePiece itself sees.
BpeVocabulary plain_vocabulary(const std::string& bytes, const Tokenizer& tokenizer) {
  const auto source = kept_source("model", bytes);
  const auto model = read_sentencepiece_model(source);
  BpeVocabulary vocabulary;
  for (size_t i = 0; i < model->pieces.size(); ++i) {
    const auto& piece = model->pieces[i];
    const auto id = static_cast<TokenId>(i);
    const std::string text(tokenizer.token_bytes(id));
    switch (piece.type) {
      case SentencePieceModel::PieceType::kNormal:
        vocabulary.merged.push_back({text, piece.score, id});
        break;
      case SentencePieceModel::PieceType::kUserDefined:
        vocabulary.whole.push_back({text, id});
        break;
      case SentencePieceModel::PieceType::kByte:
        vocabulary.byte_ids[static_cast<uint8_t>(text[0])] = id;
        break;
      default:
        break;
    }
  }
  return vocabulary;
}

std::vector<TokenId> encode(const BpeEncoder& encoder, std::string_view text) {
  std::vector<TokenId> ids;
  encoder.encode(text, ids);
  return ids;
}

// Every string through the library and through encoders whose windows are far smaller than the
// text, so that nearly every token is somewhere a border of one.
void expect_equal_to_library(const std::string& directory, int num_strings, uint64_t seed) {
  const auto tokenizer = load_or_die(directory);
  const std::string model = read_model(directory);
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.LoadFromSerializedProto(model).ok());
  const BpeVocabulary vocabulary = plain_vocabulary(model, *tokenizer);
  const BpeEncoder encoders[] = {BpeEncoder(vocabulary, 2), BpeEncoder(vocabulary, 7),
                                 BpeEncoder(vocabulary, 24), BpeEncoder(vocabulary)};
  RandomText random(*tokenizer, seed);
  for (int i = 0; i < num_strings; ++i) {
    const std::string text = random.next(i % 100 == 0 ? 400 : 12);
    std::vector<int> expected;
    ASSERT_TRUE(library.Encode(text, &expected).ok());
    ASSERT_EQ(encode(encoders[i % 3], text), expected) << i << ": " << in_quotes(text);
    ASSERT_EQ(encode(encoders[3], text), expected) << i << ": " << in_quotes(text);
  }
}

TEST(BpeEncoder, EqualsTheSentencePieceLibrary) {
  expect_equal_to_library(tiny_directory(), 100000, 11);
}

TEST(BpeEncoder, EqualsTheSentencePieceLibraryOnThePublishedModel) {
  if (!genuine_directory()) GTEST_SKIP() << kNoGenuineTokenizer;
  expect_equal_to_library(*genuine_directory(), 100000, 12);
}

BpeVocabulary vocabulary_of(std::vector<BpeVocabulary::Piece> merged) {
  BpeVocabulary vocabulary;
  vocabulary.merged = std::move(merged);
  for (int i = 0; i < 256; ++i) vocabulary.byte_ids[static_cast<size_t>(i)] = 1000 + i;
  return vocabulary;
}

TEST(BpeEncoder, MergesByScoreAndThenFromTheLeft) {
  const BpeEncoder encoder(vocabulary_of(
      {{"a", -9, 1}, {"b", -9, 2}, {"aa", -1, 3}, {"ab", 0, 4}, {"aab", -2, 5}, {"ba", -1, 6}}));
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(encode(encoder, "aaa"), (Ids{3, 1}));
  EXPECT_EQ(encode(encoder, "aab"), (Ids{5}));  // ab first, then a with ab
  EXPECT_EQ(encode(encoder, "aaab"), (Ids{3, 4}));
  EXPECT_EQ(encode(encoder, "baa"), (Ids{6, 1}));  // the same score: leftmost
  EXPECT_EQ(encode(encoder, ""), (Ids{}));
  EXPECT_EQ(encode(encoder, "c"), (Ids{1000 + 'c'}));
}

TEST(BpeEncoder, CharactersWithoutAPieceStillMerge) {
  const BpeEncoder encoder(vocabulary_of({{"xy", 0, 1}, {"xyz", -1, 2}, {"é", -2, 3}}));
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(encode(encoder, "xyz"), (Ids{2}));
  EXPECT_EQ(encode(encoder, "zx"), (Ids{1000 + 'z', 1000 + 'x'}));
  EXPECT_EQ(encode(encoder, "é\xC3"), (Ids{3, 1000 + 0xC3}));
  EXPECT_EQ(encode(encoder, "\xE4\xB8x"), (Ids{1000 + 0xE4, 1000 + 0xB8, 1000 + 'x'}));
}

// Each merge has a better score than the one before it, so which letters pair up is decided at the
// right end of the text, hundreds of tokens away: small windows have nothing in common.
TEST(BpeEncoder, GrowsWindowsUntilTheyAgree) {
  std::vector<BpeVocabulary::Piece> pieces;
  std::vector<std::string> letters;
  for (uint32_t i = 0; i < 800; ++i) {
    letters.emplace_back();
    testing::append_utf8(letters.back(), 0x4E00 + i);
    pieces.push_back({letters[i], -5000, static_cast<TokenId>(i)});
    if (i > 0) {
      pieces.push_back(
          {letters[i - 1] + letters[i], static_cast<float>(i), static_cast<TokenId>(2000 + i)});
    }
  }
  const BpeVocabulary vocabulary = vocabulary_of(pieces);
  const BpeEncoder small(vocabulary, 4), large(vocabulary, 10000);
  for (const size_t count : {1u, 2u, 3u, 100u, 799u, 800u}) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += letters[i];
    const auto ids = encode(small, text);
    ASSERT_EQ(ids, encode(large, text)) << count;
    EXPECT_EQ(ids.size(), (count + 1) / 2);
    EXPECT_EQ(ids.back(), count == 1 ? 0 : static_cast<TokenId>(2000 + count - 1));
  }
}

struct Job {
  const BpeEncoder* encoder;
  const std::string* text;
  std::vector<TokenId> ids;
  double cpu_seconds = 0;
};

void* run_job(void* argument) {
  auto* job = static_cast<Job*>(argument);
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double begin = now();
  job->encoder->encode(*job->text, job->ids);
  job->cpu_seconds = now() - begin;
  return nullptr;
}

Job encode_on_small_stack(const BpeEncoder& encoder, const std::string& text) {
  Job job{&encoder, &text, {}, 0};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread{};
  EXPECT_EQ(pthread_create(&thread, &attributes, run_job, &job), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  return job;
}

std::string repeated(std::string_view pattern, size_t num_bytes) {
  std::string text;
  while (text.size() < num_bytes) text += pattern;
  text.resize(num_bytes);
  return text;
}

std::vector<std::pair<std::string, std::string>> hard_texts(const Tokenizer& tokenizer,
                                                            size_t num_bytes) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const char* pattern : {"a", " ", "ab", "a ", "0123456789", "\n", "中", "😀", "<", "<|LOC_",
                              "\xFF", "\xE4\xB8", "==", "aab"}) {
    texts.emplace_back(pattern, repeated(pattern, num_bytes));
  }
  std::mt19937_64 random(5);
  std::string letters, bytes, pieces;
  while (letters.size() < num_bytes) letters += "etaoinshrdlu"[random() % 12];
  while (bytes.size() < num_bytes) bytes += static_cast<char>(random());
  while (pieces.size() < num_bytes) {
    const auto count = static_cast<uint64_t>(tokenizer.vocab_size() - 269);
    pieces += tokenizer.token_bytes(static_cast<TokenId>(269 + random() % count));
  }
  texts.emplace_back("one word of random letters", letters);
  texts.emplace_back("random bytes", bytes);
  texts.emplace_back("random pieces", pieces);
  return texts;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr bool kTimed = false;
constexpr size_t kHardBytes = size_t{1} << 17;
#else
constexpr bool kTimed = true;
constexpr size_t kHardBytes = size_t{16} << 20;
#endif

// 16 MiB of whatever text within five seconds, on a stack of 256 KiB. Processor time is counted, so
// that a busy machine does not fail the test. Few texts have the full length, to be done sooner.
TEST(BpeEncoder, IsFastOnEveryText) {
  const std::string directory = genuine_directory().value_or(tiny_directory());
  const auto tokenizer = load_or_die(directory);
  const BpeEncoder encoder(plain_vocabulary(read_model(directory), *tokenizer));
  auto texts = hard_texts(*tokenizer, kHardBytes / 8);
  for (auto& text : hard_texts(*tokenizer, kHardBytes)) {
    const bool slow = text.first == " " || text.first.starts_with("random pieces");
    if (slow) texts.push_back(std::move(text));
  }
  for (const auto& [name, text] : texts) {
    const Job job = encode_on_small_stack(encoder, text);
    if (kTimed) {
      const double limit = 5.0 * static_cast<double>(text.size()) / (16 << 20);
      EXPECT_LT(job.cpu_seconds, limit) << name;
    }
    std::string back;
    for (const TokenId id : job.ids) back += tokenizer->token_bytes(id);
    EXPECT_TRUE(back == text) << name;
  }
}

}  // namespace
}  // namespace ernie
