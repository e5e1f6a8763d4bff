#pragma once

/// Opening a model and making an engine of it.

#include <memory>
#include <string>

#include "backend/registry.h"
#include "engine/engine.h"
#include "text/chat_template.h"

namespace ernie {

/// Which model to run, and how.
struct EngineSettings {
  std::string model;                 ///< a directory; empty: the embedded demo
  std::string tokenizer;             ///< a directory or file; empty: the model's
  std::string load_format = "auto";  ///< auto, or dummy: random weights
  std::string device = "cpu";        ///< cpu or reference
  std::string dtype = "auto";        ///< auto, bfloat16 or float32
  std::string isa;                   ///< of the cpu device; empty: the best here
  int threads = 0;                   ///< 0: one per processor
  bool mmap = false;                 ///< compute from the mapped file
  EngineOptions engine;
};

struct LoadedEngine {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplateKind chat_template = ChatTemplateKind::kErnie45;
  DType dtype = DType::kBF16;  ///< of weights and KV cache
  std::string model_name;      ///< directory name, or "ernie-demo"
  std::string identity;        ///< one line that tells weights and numerics from others
};

/// The model's weights as the settings name them: a directory, the demo, or random ones.
Result<std::unique_ptr<WeightSource>> open_weights(const EngineSettings& settings);

/// The numerics, threads and instruction set that they ask for. Error: the weights would not fit
/// into the memory that is free.
Result<BackendOptions> backend_options(const EngineSettings& settings, const ModelConfig& config);

/// What the dtype asked for means for this model. F16 weights are computed with in F32, which holds
/// each of their values exactly.
DType compute_dtype(const EngineSettings& settings, const ModelConfig& config);

/// The tokenizer that load_engine would take: the one named, else the model's, else the demo's.
/// Null for random weights that come without one.
Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const EngineSettings& settings);

/// Opens the model and makes the engine; logs the choices to standard error.
Result<LoadedEngine> load_engine(const EngineSettings& settings);

}  // namespace ernie
