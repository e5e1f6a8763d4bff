#include "receipt/model_manifest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/checkpoint.h"

namespace ernie {
namespace {

/// Another source with one tensor changed.
class ChangedWeights : public WeightSource {
 public:
  ChangedWeights(const WeightSource& source, std::string name, size_t byte)
      : source_(source), name_(std::move(name)), byte_(byte) {}
  const ModelConfig& config() const override { return source_.config(); }
  Result<HostMatrix> read(const std::string& name) const override {
    ERNIE_TRY(const HostMatrix matrix, source_.read(name));
    if (name != name_) return matrix;
    const auto bytes =
        std::make_shared<std::vector<std::byte>>(matrix.bytes().begin(), matrix.bytes().end());
    (*bytes)[byte_] ^= std::byte{1};
    return HostMatrix(matrix.format().id, matrix.num_rows(), matrix.num_columns(), bytes->data(),
                      bytes);
  }
  std::string describe() const override { return ""; }

 private:
  const WeightSource& source_;
  std::string name_;
  size_t byte_;
};

std::unique_ptr<WeightSource> tiny_weights() {
  return make_dummy_weights(*preset_model_config("tiny"), 1);
}

TEST(ModelManifest, IsTheSameForEveryNumberOfThreads) {
  const auto weights = tiny_weights();
  const ModelManifest one = *make_manifest(*weights, nullptr, 1);
  const ModelManifest four = *make_manifest(*weights, nullptr, 4);
  EXPECT_EQ(model_digest(one), model_digest(four));
  EXPECT_TRUE(differences(one, four).empty());
  EXPECT_EQ(one.tensors.size(), model_tensors(weights->config()).size());
  EXPECT_TRUE(std::is_sorted(one.tensors.begin(), one.tensors.end(),
                             [](auto& a, auto& b) { return a.name < b.name; }));
}

TEST(ModelManifest, OneBitOfOneTensorIsNamed) {
  const auto weights = tiny_weights();
  const ModelManifest manifest = *make_manifest(*weights, nullptr, 2);
  for (const TensorDigest& tensor : {manifest.tensors.front(), manifest.tensors.back()}) {
    const size_t last_byte = weights->read(tensor.name)->num_bytes() - 1;
    for (const size_t byte : {size_t{0}, last_byte}) {
      const ChangedWeights changed(*weights, tensor.name, byte);
      const ModelManifest other = *make_manifest(changed, nullptr, 2);
      EXPECT_NE(model_digest(other), model_digest(manifest));
      EXPECT_EQ(differences(other, manifest),
                std::vector{fmt::format("1 of {} tensors differ: {}", manifest.tensors.size(),
                                        tensor.name)});
    }
  }
}

TEST(ModelManifest, DifferencesNameConfigTensorsAndTokenizer) {
  const ModelManifest manifest = *make_manifest(*tiny_weights(), nullptr, 1);
  ModelManifest other = manifest;
  const size_t at = other.config.find("500000");
  other.config.replace(at, 6, "500001");
  EXPECT_NE(model_digest(other), model_digest(manifest));
  other.tensors[0].name += "x";
  other.tensors[1].digest[0] ^= std::byte{1};
  other.tensors[2].digest[0] ^= std::byte{1};
  other.tensors[2].shape = {1};
  other.tokenizer.emplace();
  const auto found = differences(other, manifest);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], "config: rope_theta: got 500001, expected 500000");
  EXPECT_EQ(found[1],
            fmt::format("4 of {} tensors differ: {} (not expected), {}, {} (of another format or "
                        "shape), …",
                        manifest.tensors.size(), other.tensors[0].name, other.tensors[1].name,
                        other.tensors[2].name));
  EXPECT_EQ(found[2], "the tokenizer gives other texts for the ids");
}

TEST(ModelManifest, TheTokenizerCounts) {
  const auto weights = tiny_weights();
  const auto tokenizer = *Tokenizer::load(ERNIE_SOURCE_DIR "/models/demo");
  const auto other = *Tokenizer::load(ERNIE_SOURCE_DIR "/tests/data/tokenizer_tiny");
  const auto with = [&](const Tokenizer& t) { return make_manifest(*weights, &t, 1)->tokenizer; };
  EXPECT_TRUE(with(*tokenizer));
  EXPECT_EQ(with(*tokenizer), with(*tokenizer));
  EXPECT_NE(with(*tokenizer), with(*other));
}

}  // namespace
}  // namespace ernie
