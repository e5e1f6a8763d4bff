#include "engine/kv_plan.h"

#include <algorithm>
#include <limits>

namespace ernie {
namespace {

Result<void> check_range(const char* flag, int64_t value, int64_t min, int64_t max) {
  if (min <= value && value <= max) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected {} to {}", flag, value, min,
                    max);
}

Result<void> check_options(const ModelConfig& config, const EngineOptions& o) {
  constexpr int64_t kMaxSeqs = 4096, kMaxBatchedTokens = 1 << 20, kMaxBlockSize = 4096;
  ERNIE_TRY_VOID(check_range("max-model-len", o.max_model_len, 0, config.max_position_embeddings));
  ERNIE_TRY_VOID(check_range("max-num-seqs", o.max_num_seqs, 1, kMaxSeqs));
  // Fewer tokens than sequences would leave some of them standing still.
  ERNIE_TRY_VOID(check_range("max-num-batched-tokens", o.max_num_batched_tokens, o.max_num_seqs,
                             kMaxBatchedTokens));
  ERNIE_TRY_VOID(check_range("block-size", o.block_size, 1, kMaxBlockSize));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  ERNIE_TRY_VOID(check_range("max-kv-cache-bytes", o.max_kv_cache_bytes, 0, kMost));
  return check_range("kv-cache-memory-bytes", o.kv_cache_bytes, 0, kMost);
}

/// Blocks of a cache whose size was left to us.
int64_t num_blocks_wanted(const EngineOptions& options, int64_t blocks_per_context,
                          int64_t block_bytes) {
  const int64_t all = options.max_num_seqs * blocks_per_context;
  if (options.max_kv_cache_bytes == 0) return all;
  return std::min(all, std::max(blocks_per_context, options.max_kv_cache_bytes / block_bytes));
}

}  // namespace

Result<KvCacheShape> plan_kv_cache(const ModelConfig& config, const ModelShape& model_shape,
                                   const Backend& backend, uint64_t free_bytes,
                                   EngineOptions& options) {
  ERNIE_TRY_VOID(check_options(config, options));
  KvCacheShape shape{.num_layers = config.num_layers,
                     .num_blocks = 0,
                     .block_size = options.block_size,
                     .num_kv_heads = model_shape.kv_heads.size(),
                     .head_dim = config.head_dim};
  // A rank may have no key/value head, and still counts blocks as the others do.
  const auto token_bytes =
      std::max<int64_t>(static_cast<int64_t>(backend.kv_bytes_per_token(shape)), 1);
  const int64_t block_bytes = token_bytes * options.block_size;
  const int64_t budget = options.kv_cache_bytes != 0
                             ? options.kv_cache_bytes
                             : static_cast<int64_t>(std::min<uint64_t>(
                                   free_bytes, std::numeric_limits<int64_t>::max()));
  // Slots are 32-bit.
  const int64_t most_blocks =
      std::min(budget / block_bytes, std::numeric_limits<int32_t>::max() / options.block_size);
  const int64_t longest =
      std::min(config.max_position_embeddings, most_blocks * options.block_size);
  if (options.max_model_len == 0) options.max_model_len = longest;
  if (longest < std::max<int64_t>(options.max_model_len, 1)) {
    return make_error(ErrorCode::kOutOfMemory,
                      "KV cache: got {} bytes, expected at least {} for one context of {} tokens",
                      budget, std::max<int64_t>(options.max_model_len, 1) * token_bytes,
                      std::max<int64_t>(options.max_model_len, 1));
  }
  const int64_t blocks_per_context =
      (options.max_model_len + options.block_size - 1) / options.block_size;
  shape.num_blocks =
      options.kv_cache_bytes != 0
          ? most_blocks
          : std::min(most_blocks, num_blocks_wanted(options, blocks_per_context, block_bytes));
  options.kv_cache_bytes = shape.num_blocks * block_bytes;
  return shape;
}

}  // namespace ernie
