#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "backend/registry.h"
#include "engine/engine.h"
#include "text/chat_template.h"

namespace ernie {

/// The flags that every command which runs a model has, under the same names.
struct EngineFlags {
  std::string model;                 ///< --model DIR; empty: the embedded demo
  std::string tokenizer;             ///< --tokenizer DIR|FILE; empty: the model's
  std::string load_format = "auto";  ///< --load-format auto|dummy
  std::string device = "cpu";        ///< --device cpu|reference
  std::string dtype = "auto";        ///< --dtype auto|bfloat16|float32
  std::string isa;                   ///< --isa
  int threads = 0;                   ///< --threads
  bool mmap = false;                 ///< --mmap
  uint64_t seed = 0;                 ///< --seed
  std::string log_level = "info";    ///< --log-level debug|info|warn|error|off
  bool quiet = false;                ///< --quiet: errors only, and no progress
  /// --max-model-len, --max-num-seqs, --max-num-batched-tokens, --block-size,
  /// --kv-cache-memory-bytes
  EngineOptions engine;
};

/// All but those of EngineOptions: for a command that runs a model without the engine.
void add_model_flags(CLI::App& app, EngineFlags& flags);
/// All of them.
void add_engine_flags(CLI::App& app, EngineFlags& flags);

/// Sends the log to standard error at the level the flags ask for, beginning with the value of
/// every flag of `app`.
void start_log(const CLI::App& app, const EngineFlags& flags);

struct LoadedEngine {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplateKind chat_template = ChatTemplateKind::kErnie45;
  DType dtype = DType::kBF16;  ///< of weights and KV cache
  std::string model_name;      ///< directory name, or "ernie-demo"
  std::string identity;        ///< one line that tells weights and numerics from others
};

/// The model's weights as the flags name them: a directory, the demo, or random ones.
Result<std::unique_ptr<WeightSource>> open_weights(const EngineFlags& flags);

/// The numerics, threads and instruction set that they ask for. Error: the weights would not fit
/// into the memory that is free.
Result<BackendOptions> backend_options(const EngineFlags& flags, const ModelConfig& config);

/// What --dtype means for this model. F16 weights are computed with in F32, which holds each of
/// their values exactly.
DType compute_dtype(const EngineFlags& flags, const ModelConfig& config);

/// The tokenizer that load_engine would take: --tokenizer, else the model's, else the demo's. Null
/// for random weights that come without one.
Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const EngineFlags& flags);

/// Opens the model and makes the engine; logs the choices to standard error.
Result<LoadedEngine> load_engine(const EngineFlags& flags);

}  // namespace ernie
