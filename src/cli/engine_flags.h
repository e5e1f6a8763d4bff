#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "jobs/load_engine.h"

namespace ernie {

/// The flags that every command which runs a model has, under the same names: those that fill the
/// settings (--model, --tokenizer, --load-format, --device, --dtype, --isa, --threads, --mmap,
/// --max-model-len, --max-num-seqs, --max-num-batched-tokens, --block-size,
/// --kv-cache-memory-bytes), and these.
struct EngineFlags : EngineSettings {
  uint64_t seed = 0;               ///< --seed
  std::string log_level = "info";  ///< --log-level debug|info|warn|error|off
  bool quiet = false;              ///< --quiet: errors only, and no progress
};

/// All but those of EngineOptions: for a command that runs a model without the engine.
void add_model_flags(CLI::App& app, EngineFlags& flags);
/// All of them.
void add_engine_flags(CLI::App& app, EngineFlags& flags);

/// Sends the log to standard error at the level the flags ask for, beginning with the flags of
/// `app` that were given and, at level debug, the values of all others.
void start_log(const CLI::App& app, const EngineFlags& flags);

}  // namespace ernie
