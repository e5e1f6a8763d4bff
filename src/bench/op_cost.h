#pragma once

/// What each operation of the Backend interface costs at least: arithmetic, and bytes to and from
/// memory if every operand is read once and every result written once. Pure arithmetic, in doubles:
/// counts of the full model exceed 2^53 nowhere.

#include <cstdint>
#include <span>
#include <vector>

#include "backend/operands.h"

namespace ernie::bench {

struct OpCost {
  /// A multiply-add is two; add, multiply, divide, compare, exp, sine and cosine are one each.
  double operations = 0;
  double bytes = 0;
};

/// Bytes of one element, as the device stores it.
struct ElementBytes {
  double activation = 4;
  double weight = 4;  ///< with scales, if it is quantised
  double kv = 4;
};

/// A sequence of a batch: how many query tokens, and how many keys the last of them sees.
struct QuerySpan {
  int64_t num_queries = 0;
  int64_t context_len = 0;
};

OpCost embed_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes);
/// Per element: a square and its sum, the scale, the weight.
OpCost rms_norm_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes);
OpCost linear_cost(int64_t tokens, int64_t in, int64_t out, const ElementBytes& bytes);
/// Per angle: its product, sine and cosine. Inverse frequencies are not counted.
OpCost rope_table_cost(int64_t tokens, int64_t head_dim);
/// Per pair of query and key heads: four products, two sums.
OpCost rope_cost(int64_t tokens, const QkvLayout& layout, const ElementBytes& bytes);
OpCost store_kv_cost(int64_t tokens, const QkvLayout& layout, const ElementBytes& bytes);
/// The two products of queries with keys and of probabilities with values; the softmax between them
/// is not counted. Keys and values of a sequence are read once, however many queries it has.
OpCost attention_cost(std::span<const QuerySpan> sequences, const QkvLayout& layout,
                      const ElementBytes& bytes);
/// Per element: negation, exp, sum, quotient, product.
OpCost silu_mul_cost(int64_t tokens, int64_t width, const ElementBytes& bytes);
OpCost add_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes);
/// Per token: a comparison, difference, exp, sum, quotient and bias for each expert, a comparison
/// with each for every one chosen, and their sum and quotients.
OpCost route_cost(int64_t tokens, int64_t num_experts, int64_t chosen);
/// The three matrices of every (token, expert) pair; the weights of `num_touched` experts are read.
/// Not counted: SwiGLU's own arithmetic and the sum over experts.
OpCost experts_cost(int64_t tokens, int64_t chosen, double num_touched, int64_t hidden,
                    int64_t width, const ElementBytes& bytes);
OpCost gather_rows_cost(int64_t rows, int64_t hidden, const ElementBytes& bytes);

/// The time below which the machine cannot do it, and why.
struct LimitTime {
  double seconds = 0;
  bool by_memory = true;  ///< else by arithmetic
};
LimitTime limit_time(const OpCost& cost, double gb_per_s, double gflop_per_s);

}  // namespace ernie::bench
