#include "jobs/model_identity.h"

#include <gtest/gtest.h>

#include <map>

#include "checkpoint/checkpoint.h"
#include "jobs/demo_model.h"

namespace ernie {
namespace {

/// The demo's weights, one tensor of which is multiplied by minus one.
class Negated final : public WeightSource {
 public:
  explicit Negated(std::string name)
      : weights_(open_checkpoint(demo_model().config, demo_model().weights).value()),
        name_(std::move(name)) {}
  const ModelConfig& config() const override { return weights_->config(); }
  Result<HostMatrix> read(const std::string& name) const override {
    ERNIE_TRY(const HostMatrix matrix, weights_->read(name));
    if (name != name_) return matrix;
    const size_t element_bytes = matrix.row_bytes() / static_cast<size_t>(matrix.num_columns());
    negated_.resize(matrix.num_bytes());
    ERNIE_TRY_VOID(matrix.read_rows(0, matrix.num_rows(), negated_.data()));
    for (size_t i = element_bytes - 1; i < negated_.size(); i += element_bytes) {
      negated_[i] ^= std::byte{0x80};
    }
    // Without an owner, as the demo's own.
    return HostMatrix(matrix.format().id, matrix.num_rows(), matrix.num_columns(), negated_.data(),
                      nullptr);
  }
  std::string describe() const override { return "negated"; }

 private:
  std::unique_ptr<WeightSource> weights_;
  std::string name_;
  mutable std::vector<std::byte> negated_;
};

std::string checksum_of(const WeightSource& weights) {
  return model_checksum(weights, nullptr, true).value();
}

TEST(ModelChecksum, EveryTensorCounts) {
  const Negated unchanged("");
  const std::string checksum = checksum_of(unchanged);
  EXPECT_EQ(checksum.size(), 16u);
  EXPECT_EQ(checksum_of(Negated("")), checksum);
  std::map<std::string, std::string> seen{{checksum, "nothing"}};
  for (const TensorSpec& spec : model_tensors(unchanged.config())) {
    const auto [it, is_new] = seen.emplace(checksum_of(Negated(spec.name)), spec.name);
    EXPECT_TRUE(is_new) << spec.name << " looks like " << it->second;
  }
}

TEST(ModelChecksum, TheTokenizerCounts) {
  const Negated weights("");
  const auto demo = Tokenizer::load(ERNIE_SOURCE_DIR "/models/demo").value();
  const auto tiny = Tokenizer::load(ERNIE_SOURCE_DIR "/tests/data/tokenizer_tiny").value();
  const std::string with_demo = model_checksum(weights, demo.get(), true).value();
  EXPECT_NE(with_demo, checksum_of(weights));
  EXPECT_NE(with_demo, model_checksum(weights, tiny.get(), true).value());
}

TEST(ModelChecksum, OfRandomWeightsOnlyTheShapeIsRead) {
  class Unreadable final : public WeightSource {
   public:
    const ModelConfig& config() const override { return config_; }
    Result<HostMatrix> read(const std::string& name) const override {
      return make_error(ErrorCode::kIo, "{}: read", name);
    }
    std::string describe() const override { return "unreadable"; }

   private:
    ModelConfig config_ = *preset_model_config("21b");
  };
  EXPECT_TRUE(model_checksum(Unreadable(), nullptr, false));
  EXPECT_FALSE(model_checksum(Unreadable(), nullptr, true));
}

}  // namespace
}  // namespace ernie
