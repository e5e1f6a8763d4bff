// Stands where the program has load_engine.cc, as tests/cli/fake_load_engine.cc does: the embedded
// demo on a device that is lost at the copy_out that ERNIE_LOST_AT names.

#include <cstdlib>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "jobs/demo_model.h"
#include "jobs/load_engine.h"
#include "lost_device/losing_backend.h"

namespace ernie {

Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const EngineSettings&) {
  const DemoModel demo = demo_model();
  return Tokenizer::from_files(
      {demo.tokenizer_model, /*added_tokens=*/{}, demo.special_tokens_map, demo.tokenizer_config});
}

Result<std::unique_ptr<WeightSource>> open_weights(const EngineSettings&) {
  const DemoModel demo = demo_model();
  return open_checkpoint(demo.config, demo.weights);
}

Result<BackendOptions> backend_options(const EngineSettings&, const ModelConfig&) {
  return BackendOptions{.num_threads = 1};
}

DType compute_dtype(const EngineSettings&, const ModelConfig&) { return DType::kBF16; }

Result<LoadedEngine> load_engine(const EngineSettings& settings) {
  const char* lost_at = std::getenv("ERNIE_LOST_AT");
  LoadedEngine loaded;
  ERNIE_TRY(std::unique_ptr<WeightSource> weights, open_weights(settings));
  ERNIE_TRY(loaded.tokenizer, open_tokenizer(settings));
  ERNIE_TRY(const BackendOptions options, backend_options(settings, weights->config()));
  ERNIE_TRY(std::unique_ptr<Backend> backend, make_backend("cpu", options));
  backend = testing::make_losing_backend(std::move(backend), lost_at ? std::atoi(lost_at) : 0);
  ERNIE_TRY(loaded.engine, Engine::create(std::move(backend), std::move(weights), loaded.tokenizer,
                                          settings.engine));
  loaded.model_name = "losing";
  loaded.identity = "losing";
  return loaded;
}

}  // namespace ernie
