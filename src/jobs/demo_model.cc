#include "jobs/demo_model.h"

// .incbin rather than a generated array: no generator, and megabytes link in no time.
#define ERNIE_EMBED(symbol, file)                                                                  \
  asm(".section .rodata\n.balign 64\n.global " #symbol "\n" #symbol ":\n.incbin \"" ERNIE_DEMO_DIR \
      "/" file "\"\n" #symbol "_end:\n.byte 0\n.global " #symbol "_end\n.previous\n");             \
  extern "C" const std::byte symbol[], symbol##_end[]

ERNIE_EMBED(ernie_demo_config, "config.json");
ERNIE_EMBED(ernie_demo_weights, "model.safetensors");
ERNIE_EMBED(ernie_demo_tokenizer_model, "tokenizer.model");
ERNIE_EMBED(ernie_demo_special_tokens_map, "special_tokens_map.json");
ERNIE_EMBED(ernie_demo_tokenizer_config, "tokenizer_config.json");

namespace ernie {
namespace {

ByteSource embedded(const char* name, const std::byte* begin, const std::byte* end) {
  return ByteSource::from_static(name, {begin, end});
}

}  // namespace

DemoModel demo_model() {
  return {embedded("<demo>/config.json", ernie_demo_config, ernie_demo_config_end),
          embedded("<demo>/model.safetensors", ernie_demo_weights, ernie_demo_weights_end),
          embedded("<demo>/tokenizer.model", ernie_demo_tokenizer_model,
                   ernie_demo_tokenizer_model_end),
          embedded("<demo>/special_tokens_map.json", ernie_demo_special_tokens_map,
                   ernie_demo_special_tokens_map_end),
          embedded("<demo>/tokenizer_config.json", ernie_demo_tokenizer_config,
                   ernie_demo_tokenizer_config_end)};
}

}  // namespace ernie
