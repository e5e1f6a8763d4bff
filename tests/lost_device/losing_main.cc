// The program on a device that is lost at the copy_out that ERNIE_LOST_AT names.

#include <csignal>
#include <cstdlib>

#include "cli/program.h"
#include "lost_device/losing_backend.h"

namespace {

using namespace ernie;

class LosingLoader : public EngineLoader {
 public:
  Result<LoadedEngine> load(OpenedModel model, const EngineSettings& settings) const override {
    const char* lost_at = std::getenv("ERNIE_LOST_AT");
    ERNIE_TRY(std::unique_ptr<Backend> backend, make_backend("cpu", {.num_threads = 1}));
    backend = ernie::testing::make_losing_backend(std::move(backend),
                                                  lost_at == nullptr ? 0 : std::atoi(lost_at));
    LoadedEngine loaded;
    ERNIE_TRY(loaded.engine,
              Engine::create(std::move(backend), *model.weights, model.tokenizer, settings.engine));
    loaded.weights = std::move(model.weights);
    loaded.tokenizer = std::move(model.tokenizer);
    loaded.model_name = "losing";
    loaded.identity = "losing";
    return loaded;
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return run_program(argc, argv, LosingLoader());
}
