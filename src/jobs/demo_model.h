#pragma once

#include "base/file.h"

namespace ernie {

/// The files of models/demo, linked into the program.
struct DemoModel {
  ByteSource config, weights, tokenizer_model, special_tokens_map, tokenizer_config;
};

DemoModel demo_model();

}  // namespace ernie
