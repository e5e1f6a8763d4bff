#pragma once

/// Opening a model directory, and random weights in its place.

#include <memory>
#include <string>

#include "base/file.h"
#include "checkpoint/weight_source.h"

namespace ernie {

/// Opens a directory with config.json and model.safetensors, or its shards and
/// model.safetensors.index.json, in the Hugging Face layout (per-expert or fused experts) or the
/// Paddle layout. Every header, name, shape, dtype and offset is checked here; no weight is read.
Result<std::unique_ptr<WeightSource>> open_checkpoint(const std::string& directory);

/// The same for one safetensors file and its config that are already in memory.
Result<std::unique_ptr<WeightSource>> open_checkpoint(const ByteSource& config_json,
                                                      const ByteSource& safetensors);

/// Random weights of any shape, computed on reading: activations stay finite, routing is spread.
/// Each tensor is a function of (seed, name) alone.
std::unique_ptr<WeightSource> make_dummy_weights(const ModelConfig& config, uint64_t seed);

}  // namespace ernie
