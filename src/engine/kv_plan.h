#pragma once

#include "backend/backend.h"
#include "engine/engine.h"
#include "model/model_shape.h"

namespace ernie {

/// The shape of one rank's KV cache that keeps the promises of EngineOptions, and fills in their
/// zeros: max_model_len, kv_cache_bytes. free_bytes: what may be spent if kv_cache_bytes is 0.
/// Error: an option out of range, or one context of max_model_len does not fit.
Result<KvCacheShape> plan_kv_cache(const ModelConfig& config, const ModelShape& model_shape,
                                   const Backend& backend, uint64_t free_bytes,
                                   EngineOptions& options);

}  // namespace ernie
