// The program with the fake engine and tokenizer behind every command. ERNIE_FAKE_STEP_US:
// microseconds per step.

#include <csignal>
#include <cstdlib>

#include "checkpoint/checkpoint.h"
#include "cli/program.h"
#include "fake_engine.h"

namespace {

class FakeLoader : public ernie::EngineLoader {
 public:
  ernie::Result<ernie::OpenedModel> open(const ernie::EngineSettings&) const override {
    return ernie::OpenedModel{
        ernie::make_dummy_weights(*ernie::preset_model_config("tiny"), /*seed=*/0),
        ernie::make_fake_tokenizer()};
  }
  ernie::Result<ernie::LoadedEngine> load(ernie::OpenedModel model,
                                          const ernie::EngineSettings& settings) const override {
    const char* step_us = std::getenv("ERNIE_FAKE_STEP_US");
    ernie::LoadedEngine loaded;
    loaded.engine =
        ernie::make_fake_engine(settings.engine, step_us == nullptr ? 0 : std::atoll(step_us));
    loaded.weights = std::move(model.weights);
    loaded.tokenizer = std::move(model.tokenizer);
    loaded.model_name = "fake";
    loaded.identity = "fake " + settings.model;
    return loaded;
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return ernie::run_program(argc, argv, FakeLoader());
}
