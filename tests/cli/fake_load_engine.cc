// Stands where the program has load_engine.cc: linked before the library, it gives every command
// the fake engine and tokenizer. ERNIE_FAKE_STEP_US: microseconds per step.

#include <cstdlib>

#include "checkpoint/checkpoint.h"
#include "fake_engine.h"
#include "jobs/load_engine.h"

namespace ernie {

Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const EngineSettings&) {
  return make_fake_tokenizer();
}

Result<std::unique_ptr<WeightSource>> open_weights(const EngineSettings&) {
  return make_dummy_weights(*preset_model_config("tiny"), /*seed=*/0);
}

Result<BackendOptions> backend_options(const EngineSettings&, const ModelConfig&) {
  return BackendOptions{};
}

DType compute_dtype(const EngineSettings&, const ModelConfig&) { return DType::kBF16; }

Result<LoadedEngine> load_engine(const EngineSettings& settings) {
  const char* step_us = std::getenv("ERNIE_FAKE_STEP_US");
  LoadedEngine loaded;
  loaded.engine = make_fake_engine(settings.engine, step_us == nullptr ? 0 : std::atoll(step_us));
  loaded.tokenizer = make_fake_tokenizer();
  loaded.model_name = "fake";
  loaded.identity = "fake " + settings.model;
  return loaded;
}

}  // namespace ernie
