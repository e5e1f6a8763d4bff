#pragma once

/// One operation of a backend on operands of given shapes, described so that it can be verified and
/// measured without knowing which one it is.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace ernie {

/// A sequence of a batch: how many query tokens, and how many keys the last of them sees.
struct QuerySpan {
  int64_t num_queries = 0;
  int64_t context_len = 0;
};

enum class OperandKind {
  kActivation,  ///< in activation_dtype()
  kFloat32,
  kIds,      ///< I32
  kMatrix,   ///< shape [out, in]
  kVector,   ///< shape [n]
  kExperts,  ///< shape [num_experts, hidden, intermediate]
  kCache,    ///< shape [num_blocks, block_size, num_kv_heads, head_dim] of each layer
};

/// What stands in an operand when it is measured.
enum class Contents {
  kNoise,     ///< standard normal values
  kNoTurn,    ///< cosine 1 and sine 0: values turned in place again and again must not decay
  kRandom,    ///< ids below `limit`
  kDistinct,  ///< different ids below `limit` in each row
  kCounting,  ///< ids 0, 1, 2, …
  kGiven,     ///< ids: `values`
};

struct OperandSpec {
  OperandKind kind = OperandKind::kActivation;
  Shape shape;
  /// Elements read and written by one call at least; a tensor that is changed in place counts
  /// twice.
  double num_touched = 0;
  MatrixUse matrix_use = MatrixUse::kLinear;
  VectorUse vector_use = VectorUse::kNorm;
  Contents contents = Contents::kNoise;
  int64_t limit = 0;
  std::vector<int32_t> values;
};

/// A made operand: one of these, as the spec's kind has it.
struct Argument {
  Tensor tensor;
  const Operand* operand = nullptr;
  KvCache* cache = nullptr;
  int64_t layer = 0;  ///< of the cache, for this call
};

struct Operation {
  std::string_view op;  ///< the function of Backend
  std::string name;     ///< what it is in the model
  std::string name_zh;  ///< in Chinese; empty: the same
  std::string shape;    ///< "512 × 2560 → 3584"
  int64_t num_tokens = 0;
  /// In one call. A multiply-add is two; add, multiply, divide, compare, exp, sine and cosine are
  /// one each.
  double arithmetic = 0;
  std::vector<OperandSpec> operands;
  /// One call; an argument for each operand.
  std::function<void(Backend&, std::span<const Argument>)> call;
};

// ---- One row for each operation of backend.h; the names are filled in by who knows them ---------

Operation embed_operation(int64_t tokens, int64_t vocabulary, int64_t hidden);
/// Per element: a square and its sum, the scale, the weight.
Operation rms_norm_operation(int64_t tokens, int64_t hidden);
Operation linear_operation(int64_t tokens, int64_t in, int64_t out, MatrixUse use);
/// Per angle: its product, sine and cosine. Inverse frequencies are not counted.
Operation rope_table_operation(int64_t tokens, int64_t head_dim, double theta);
/// Per pair of query and key heads: four products, two sums.
Operation rope_operation(int64_t tokens, const QkvLayout& layout);
Operation store_kv_operation(int64_t tokens, const QkvLayout& layout);
/// The two products of queries with keys and of probabilities with values; the softmax between them
/// is not counted. Keys and values of a sequence are read once, however many queries it has.
Operation attention_operation(const std::vector<QuerySpan>& sequences, const QkvLayout& layout);
/// Per element: negation, exp, sum, quotient, product.
Operation silu_mul_operation(int64_t tokens, int64_t width);
Operation add_operation(int64_t tokens, int64_t hidden);
/// Per token: a comparison, difference, exp, sum, quotient and bias for each expert, a comparison
/// with each for every one chosen, and their sum and quotients.
Operation route_operation(int64_t tokens, int64_t num_experts, int64_t chosen);
/// The three matrices of every (token, expert) pair; the weights of the experts that as many tokens
/// choose at random are read. Not counted: SwiGLU's own arithmetic and the sum over experts.
Operation experts_operation(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                            int64_t width);
Operation gather_rows_operation(int64_t rows, int64_t hidden);
/// A comparison for each logit.
Operation argmax_operation(int64_t rows, int64_t vocabulary);
Operation add_rms_norm_operation(int64_t tokens, int64_t hidden);
Operation gate_up_silu_operation(int64_t tokens, int64_t hidden, int64_t width);
Operation moe_operation(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                        int64_t width);

/// Experts of a layer that at least one of so many tokens chooses, if each chooses uniformly and on
/// its own: n (1 - (1 - chosen / n)^tokens).
double expected_experts(int64_t num_experts, int64_t chosen, double tokens);

}  // namespace ernie
