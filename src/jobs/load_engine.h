#pragma once

/// Opening a model, once, and making an engine of it.

#include <memory>
#include <optional>
#include <string>

#include "backend/registry.h"
#include "engine/engine.h"
#include "text/chat_template.h"

namespace ernie {

/// Where to compute, and how.
struct DeviceSettings {
  std::string device = "cpu";  ///< cpu or reference
  std::string dtype = "auto";  ///< bfloat16, float32, or a word that leaves it open
  std::string isa;             ///< of the cpu device; empty: the best here
  int threads = 0;             ///< 0: one per processor
};

/// Which model to run there.
struct EngineSettings : DeviceSettings {
  std::string model;                 ///< a directory; empty: the embedded demo
  std::string tokenizer;             ///< a directory or file; empty: the model's
  std::string load_format = "auto";  ///< auto, or dummy: random weights
  bool mmap = false;                 ///< compute from the mapped file
  EngineOptions engine;
};

/// Nothing if the settings leave it open.
std::optional<DType> named_dtype(const DeviceSettings& settings);
int num_threads(const DeviceSettings& settings);

/// The model's weights as the settings name them: a directory, the demo, or random ones.
Result<std::shared_ptr<const WeightSource>> open_weights(const EngineSettings& settings);

/// The tokenizer that is named, else the model's, else the demo's. Null for random weights that
/// come without one. `weights`: of the model if they are open; they may bring their own vocabulary.
Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const EngineSettings& settings,
                                                        const WeightSource* weights = nullptr);

/// The numerics, threads and instruction set that they ask for. Error: the weights would not fit
/// into the memory that is free.
Result<BackendOptions> backend_options(const EngineSettings& settings, const ModelConfig& config);

/// What the dtype asked for means for this model. F16 weights are computed with in F32, which holds
/// each of their values exactly.
DType compute_dtype(const EngineSettings& settings, const ModelConfig& config);

struct OpenedModel {
  std::shared_ptr<const WeightSource> weights;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< may be null, see open_tokenizer
};

struct LoadedEngine {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const WeightSource> weights;  ///< for who wants more of them; the engine does not
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplateKind chat_template = ChatTemplateKind::kErnie45;
  DType dtype = DType::kBF16;  ///< of weights and KV cache
  std::string model_name;      ///< directory name, or "ernie-demo"
  std::string identity;        ///< one line that tells weights and numerics from others
};

/// How a command comes to its engine: in two steps, as some choose settings by what they find in
/// the model. Tests put another engine there.
class EngineLoader {
 public:
  virtual ~EngineLoader() = default;
  virtual Result<OpenedModel> open(const EngineSettings& settings) const;
  /// Makes the engine of a model that was opened with the same settings but for those of `engine`;
  /// logs the choices to standard error.
  virtual Result<LoadedEngine> load(OpenedModel model, const EngineSettings& settings) const;
  /// Both.
  Result<LoadedEngine> open_and_load(const EngineSettings& settings) const;
};

}  // namespace ernie
