#pragma once

/// What the model hands to a backend's operations besides plain tensors.

#include <cstdint>
#include <memory>

#include "base/host_matrix.h"

namespace ernie {

/// A weight in a device's own layout, made by that backend's prepare_… functions and read only by
/// its operations. Immutable; must not outlive the backend.
class Operand {
 public:
  /// The logical shape: [out, in] for matrices, [n] for vectors, [num_experts, hidden,
  /// intermediate] for experts.
  explicit Operand(const Shape& shape) : shape_(shape) {}
  virtual ~Operand() = default;
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  const Shape& shape() const { return shape_; }
  int64_t dim(size_t i) const { return shape_[i]; }
  /// Device bytes held, without what is only a view of a mapped file.
  virtual size_t num_bytes() const = 0;

 private:
  Shape shape_;
};
using OperandPtr = std::unique_ptr<const Operand>;

/// What a matrix will be used for; a device chooses layout and format by it.
enum class MatrixUse {
  kLinear,     ///< y = x Wᵀ; may be packed or quantised
  kEmbedding,  ///< row gather, and y = x Wᵀ when the head is tied
  kRouter,     ///< y = x Wᵀ in float32, never quantised
};

/// What weights are prepared as and what the cache holds, each a choice of its own. Router and
/// vectors are float32.
struct StorageFormats {
  FormatId linear = FormatId::kBF16;
  FormatId embedding = FormatId::kBF16;
  FormatId experts = FormatId::kBF16;
  DType kv_cache = DType::kBF16;

  /// All of them of one type; F64 weights are F32, which every stored value fits.
  static StorageFormats all(DType dtype);
  FormatId of(MatrixUse use) const;
};

enum class VectorUse {
  kNorm,        ///< stored in the model's dtype
  kRouterBias,  ///< float32
};

/// The weights of one routed expert: SwiGLU with gate and up [intermediate, hidden], down
/// [hidden, intermediate].
struct ExpertMatrices {
  HostMatrix gate, up, down;
};

/// What chooses and computes the routed experts of a layer.
struct MoeOperands {
  const Operand& router;   ///< [num_experts, hidden_size]
  const Operand& bias;     ///< [num_experts]
  const Operand& experts;  ///< [those from first_expert on, hidden_size, moe_intermediate_size]
  int64_t first_expert = 0;
  float norm_min = 0;
};

/// Room for what lies between a token's hidden state and its experts.
struct MoeScratch {
  Tensor router_logits;   ///< [T, num_experts] F32
  Tensor expert_ids;      ///< [T, experts_per_token] I32
  Tensor expert_weights;  ///< [T, experts_per_token] F32
};

/// How the rows of a fused projection are divided: query heads, then key heads, then value heads.
struct QkvLayout {
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;

  int64_t row_size() const { return (num_heads + 2 * num_kv_heads) * head_dim; }
  int64_t q_size() const { return num_heads * head_dim; }
  int64_t key_offset() const { return num_heads * head_dim; }
  int64_t value_offset() const { return (num_heads + num_kv_heads) * head_dim; }
};

struct KvCacheShape {
  int64_t num_layers = 0;
  int64_t num_blocks = 0;
  int64_t block_size = 0;  ///< tokens
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
};

/// Slots [from, from + count) and [to, to + count). Each of the two lies in one block.
struct KvCopy {
  int32_t from = 0, to = 0, count = 0;
};

/// Keys (after RoPE) and values of all layers in blocks of block_size tokens. The layout inside is
/// the backend's own; the rest of the program names a token's place by its slot, block_id *
/// block_size + offset, and a sequence's blocks by its block table.
class KvCache {
 public:
  explicit KvCache(const KvCacheShape& shape) : shape_(shape) {}
  virtual ~KvCache() = default;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;
  const KvCacheShape& shape() const { return shape_; }

 private:
  KvCacheShape shape_;
};

/// A ragged batch as attention sees it: sequence s has the query tokens
/// [query_start[s], query_start[s+1]) of the batch, and they are the last ones of its context.
struct AttentionBatch {
  Tensor query_start;  ///< [num_seqs + 1] I32
  Tensor
      context_lens;  ///< [num_seqs] I32: keys up to and including the sequence's last query token
  /// [num_seqs, pitch] I32: block ids in context order. Entries beyond a context are not read.
  Tensor block_tables;
  int64_t max_context_len = 0;

  int64_t num_seqs() const { return context_lens.dim(0); }
};

/// What two steps have in common if one recording can serve both.
struct StepShape {
  int64_t num_tokens = 0;
  int64_t num_seqs = 0;
  int64_t num_logits_rows = 0;
  int64_t max_context_len = 0;  ///< the longest of the step
  bool is_decode = false;       ///< one token of each sequence
  friend bool operator==(const StepShape&, const StepShape&) = default;
};

}  // namespace ernie
