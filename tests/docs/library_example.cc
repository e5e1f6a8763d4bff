#include <cstdio>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine_loop.h"

ernie::Result<void> answer(const std::string& directory, const std::string& prompt) {
  ERNIE_TRY(auto weights, ernie::open_checkpoint(directory));
  ERNIE_TRY(auto tokenizer, ernie::Tokenizer::load(directory));
  ERNIE_TRY(auto backend, ernie::make_backend("cpu", {}));
  ERNIE_TRY(auto engine, ernie::Engine::create(std::move(backend), *weights, tokenizer, {}));
  ernie::GenerationRequest request;
  request.prompt_ids = tokenizer->encode(prompt, ernie::SpecialTokens::kAsText);
  request.params.temperature = 0;
  ERNIE_TRY(const auto loop, ernie::EngineLoop::create(std::move(engine)));
  ERNIE_TRY(ernie::TokenStream stream, loop->submit(std::move(request)));
  while (const auto update = stream.next()) std::fputs(update->text.c_str(), stdout);
  return {};
}

int main(int, char** argv) {
  const auto done = answer(argv[1], argv[2]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
