#pragma once

/// What a device is held against: recorded, or computed by another device.

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/weight_source.h"
#include "verify/model/probe.h"

namespace ernie::verify::model {

struct Prompt {
  std::vector<int32_t> ids, positions;
};

/// The truth of one prompt, and if known how far the original itself is from it in bfloat16.
struct PromptTruth {
  PassTrace truth;
  std::optional<PassTrace> original;
};

class Truth {
 public:
  virtual ~Truth() = default;
  virtual size_t num_prompts() const = 0;
  virtual Result<int64_t> num_tokens(size_t index) const = 0;
  /// Where it comes from, one line.
  virtual std::string describe() const = 0;
  /// What its activations were stored in.
  virtual DType act() const = 0;
  /// Whether its router logits, chosen ids and so on are the device's question alone: true for a
  /// recording, whose weights may be other ones than the device loaded.
  virtual bool is_recorded() const = 0;
  /// The prompts from `begin` to before `end`.
  virtual Result<std::vector<PromptTruth>> prompts(size_t begin, size_t end) = 0;
};

/// Opens a recording in the form that tools/golden/README.md describes: a .safetensors file, a
/// golden.json that names one, or a directory with either. `run`: F32 or BF16, which of its runs is
/// the truth; with F32 the other one is the original, if it is there. Error: no such file, or it
/// is not a recording of a model with this configuration.
Result<std::unique_ptr<Truth>> open_recording(const std::string& path, DType run,
                                              const ModelConfig& config);
/// Whether a directory has a recording beside the model.
bool has_recording(const std::string& directory);

/// The truth that `probe` computes for the prompts. It must outlive the result.
std::unique_ptr<Truth> computed_truth(ModelProbe& probe, DType act, std::vector<Prompt> prompts);

/// The same weights, rounded to `dtype` as a device would store them: what is F32 in every numerics
/// stays so. `weights` must outlive the result.
std::unique_ptr<WeightSource> rounded_weights(const WeightSource& weights, DType dtype);

}  // namespace ernie::verify::model
