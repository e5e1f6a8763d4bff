#include <cstdio>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

ernie::Result<void> answer(const std::string& directory, const std::string& prompt) {
  ERNIE_TRY(auto weights, ernie::open_checkpoint(directory));
  ERNIE_TRY(auto tokenizer, ernie::Tokenizer::load(directory));
  ERNIE_TRY(auto backend, ernie::make_backend("cpu", {}));
  ERNIE_TRY(auto engine,
            ernie::Engine::create(std::move(backend), std::move(weights), tokenizer, {}));
  ernie::GenerationRequest request;
  request.prompt_ids = tokenizer->encode(prompt, ernie::SpecialTokens::kAsText);
  request.params.temperature = 0;
  ERNIE_TRY_VOID(engine->add_request(std::move(request)));
  while (engine->has_unfinished()) {
    for (const ernie::RequestOutput& news : engine->step()) std::fputs(news.text.c_str(), stdout);
  }
  return {};
}

int main(int, char** argv) {
  const auto done = answer(argv[1], argv[2]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
