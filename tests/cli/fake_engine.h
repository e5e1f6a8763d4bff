#pragma once

#include <memory>

#include "engine/engine.h"
#include "text/tokenizer.h"

namespace ernie {

/// Bytes as ids from 3 on, one id more for each of a few words, and a template's special tokens.
std::shared_ptr<const Tokenizer> make_fake_tokenizer();

/// An engine without a model: each token is a hash of the prompt, the request's seed (unless it is
/// greedy) and the position, so a request's answer does not depend on what else is running.
/// `step_us`: what a step takes, to leave time for a signal.
std::unique_ptr<Engine> make_fake_engine(const EngineOptions& options, int64_t step_us = 0);

}  // namespace ernie
