// Where a command's weights and tokenizer come from.

#include "jobs/load_engine.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"

namespace ernie {
namespace {

/// Weights that bring 256 bytes, an unknown piece and "ab" as a vocabulary.
class OwnVocabulary final : public WeightSource {
 public:
  OwnVocabulary() : weights_(make_dummy_weights(*preset_model_config("tiny"), /*seed=*/0)) {
    vocabulary_.name = "own.gguf";
    vocabulary_.pieces.push_back({"<unk>", 0, PieceType::kUnknown});
    for (int i = 0; i < 256; ++i) {
      vocabulary_.pieces.push_back({fmt::format("<0x{:02X}>", i), 0, PieceType::kByte});
    }
    for (const char* text : {"a", "b", "ab"}) vocabulary_.pieces.push_back({text, -1});
  }
  const ModelConfig& config() const override { return weights_->config(); }
  Result<HostMatrix> read(const std::string& name) const override { return weights_->read(name); }
  std::string describe() const override { return "own"; }
  const Vocabulary* vocabulary() const override { return &vocabulary_; }

 private:
  std::unique_ptr<WeightSource> weights_;
  Vocabulary vocabulary_;
};

TEST(OpenTokenizer, TakesTheOneThatIsNamedElseThatOfTheWeights) {
  const OwnVocabulary weights;
  EngineSettings settings;
  const auto own = open_tokenizer(settings, &weights).value();
  EXPECT_EQ(own->vocab_size(), 260);
  EXPECT_EQ(own->encode("ab", SpecialTokens::kAsText), (std::vector<TokenId>{259}));
  settings.tokenizer = ERNIE_SOURCE_DIR "/tests/data/tokenizer_tiny";
  EXPECT_NE(open_tokenizer(settings, &weights).value()->vocab_size(), 260);
}

TEST(OpenTokenizer, IsTheDemosWhereNoModelIsNamed) {
  const auto demo = Tokenizer::load(ERNIE_SOURCE_DIR "/models/demo").value();
  const auto got = open_tokenizer({}).value();
  EXPECT_EQ(got->vocab_size(), demo->vocab_size());
  const std::string text = "17 + 25 = 42";
  EXPECT_EQ(got->encode(text, SpecialTokens::kAsText), demo->encode(text, SpecialTokens::kAsText));
}

TEST(OpenTokenizer, RandomWeightsHaveNone) {
  EngineSettings settings;
  settings.load_format = "dummy";
  settings.model = "0.3b";
  EXPECT_EQ(open_tokenizer(settings).value(), nullptr);
  settings.load_format = "auto";
  EXPECT_EQ(open_tokenizer(settings).error().code, ErrorCode::kNotFound);
}

TEST(EngineLoader, EnginesAreMadeOfWhatIsOpen) {
  class Loader : public EngineLoader {
   public:
    Result<OpenedModel> open(const EngineSettings& settings) const override {
      OpenedModel model{.weights = std::make_shared<const OwnVocabulary>()};
      ERNIE_TRY(model.tokenizer, open_tokenizer(settings, model.weights.get()));
      return model;
    }
  };
  EngineSettings settings;
  settings.threads = 1;
  settings.engine = {.max_model_len = 32, .max_num_seqs = 1, .max_num_batched_tokens = 32};
  const LoadedEngine loaded = Loader().open_and_load(settings).value();
  EXPECT_EQ(loaded.tokenizer->vocab_size(), 260);
  EXPECT_EQ(loaded.weights->describe(), "own");
  EXPECT_EQ(loaded.engine->config().vocab_size, loaded.weights->config().vocab_size);
}

TEST(DeviceSettings, WordsAndNumbersMean) {
  EXPECT_EQ(named_dtype({.dtype = "bfloat16"}), DType::kBF16);
  EXPECT_EQ(named_dtype({.dtype = "float32"}), DType::kF32);
  EXPECT_FALSE(named_dtype({.dtype = "auto"}));
  EXPECT_EQ(num_threads({.threads = 3}), 3);
  EXPECT_GE(num_threads({}), 1);
  ModelConfig config = *preset_model_config("tiny");
  config.dtype = DType::kF16;  // every value of which float32 has
  EXPECT_EQ(compute_dtype({}, config), DType::kF32);
  config.dtype = DType::kBF16;
  EXPECT_EQ(compute_dtype({}, config), DType::kBF16);
}

}  // namespace
}  // namespace ernie
