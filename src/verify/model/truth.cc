#include "verify/model/truth.h"

#include <set>

namespace ernie::verify::model {
namespace {

class ComputedTruth final : public Truth {
 public:
  ComputedTruth(ModelProbe& probe, DType act, std::vector<Prompt> prompts)
      : probe_(probe), act_(act), prompts_(std::move(prompts)) {}
  size_t num_prompts() const override { return prompts_.size(); }
  Result<int64_t> num_tokens(size_t index) const override {
    return static_cast<int64_t>(prompts_[index].ids.size());
  }
  std::string describe() const override { return probe_.backend().describe(); }
  DType act() const override { return act_; }
  bool is_recorded() const override { return false; }
  Result<std::vector<PromptTruth>> prompts(size_t begin, size_t end) override {
    std::vector<PassRequest> requests;
    for (size_t p = begin; p < end; ++p) {
      requests.push_back({prompts_[p].ids, prompts_[p].positions, {}});
    }
    std::vector<PromptTruth> truths;
    ERNIE_TRY(std::vector<PassTrace> traces, trace_sequences(probe_, requests));
    for (PassTrace& trace : traces) {
      truths.push_back({std::move(trace), std::nullopt});
    }
    return truths;
  }

 private:
  ModelProbe& probe_;
  DType act_;
  std::vector<Prompt> prompts_;
};

class RoundedWeights final : public WeightSource {
 public:
  RoundedWeights(const WeightSource& weights, DType dtype) : weights_(weights), dtype_(dtype) {
    for (const TensorSpec& spec : model_tensors(weights.config())) {
      if (spec.is_float32) float32_.insert(spec.name);
    }
  }
  const ModelConfig& config() const override { return weights_.config(); }
  std::string describe() const override { return weights_.describe(); }
  Result<HostMatrix> read(const std::string& name) const override {
    ERNIE_TRY(const HostMatrix matrix, weights_.read(name));
    return float32_.contains(name) ? matrix : HostMatrix(matrix.to_tensor(dtype_));
  }

 private:
  const WeightSource& weights_;
  DType dtype_;
  std::set<std::string> float32_;
};

}  // namespace

std::unique_ptr<Truth> computed_truth(ModelProbe& probe, DType act, std::vector<Prompt> prompts) {
  return std::make_unique<ComputedTruth>(probe, act, std::move(prompts));
}

std::unique_ptr<WeightSource> rounded_weights(const WeightSource& weights, DType dtype) {
  return std::make_unique<RoundedWeights>(weights, dtype);
}

}  // namespace ernie::verify::model
