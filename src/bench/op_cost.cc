#include "bench/op_cost.h"

namespace ernie::bench {
namespace {

constexpr double kIndexBytes = 4, kFloatBytes = 4;

double product(int64_t a, int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

}  // namespace

OpCost embed_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes) {
  return {0, product(tokens, hidden) * (bytes.weight + bytes.activation) +
                 static_cast<double>(tokens) * kIndexBytes};
}

OpCost rms_norm_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes) {
  const double elements = product(tokens, hidden);
  return {4 * elements,
          2 * elements * bytes.activation + static_cast<double>(hidden) * kFloatBytes};
}

OpCost linear_cost(int64_t tokens, int64_t in, int64_t out, const ElementBytes& bytes) {
  return {2 * product(tokens, in) * static_cast<double>(out),
          product(in, out) * bytes.weight + product(tokens, in + out) * bytes.activation};
}

OpCost rope_table_cost(int64_t tokens, int64_t head_dim) {
  const double angles = product(tokens, head_dim / 2);
  return {3 * angles, 2 * angles * kFloatBytes + static_cast<double>(tokens) * kIndexBytes};
}

OpCost rope_cost(int64_t tokens, const QkvLayout& layout, const ElementBytes& bytes) {
  const double table = product(tokens, layout.head_dim) * kFloatBytes;
  const double elements = product(tokens, layout.value_offset());
  return {6 * elements / 2, 2 * elements * bytes.activation + table};
}

OpCost store_kv_cost(int64_t tokens, const QkvLayout& layout, const ElementBytes& bytes) {
  const double elements = product(tokens, 2 * layout.num_kv_heads * layout.head_dim);
  return {0, elements * (bytes.activation + bytes.kv) + static_cast<double>(tokens) * kIndexBytes};
}

OpCost attention_cost(std::span<const QuerySpan> sequences, const QkvLayout& layout,
                      const ElementBytes& bytes) {
  OpCost cost;
  for (const QuerySpan& s : sequences) {
    const auto queries = static_cast<double>(s.num_queries);
    const auto context = static_cast<double>(s.context_len);
    const double seen = queries * context - queries * (queries - 1) / 2;  // the last sees them all
    cost.operations += 4 * seen * static_cast<double>(layout.q_size());
    cost.bytes += context * 2 * product(layout.num_kv_heads, layout.head_dim) * bytes.kv +
                  2 * queries * static_cast<double>(layout.q_size()) * bytes.activation;
  }
  return cost;
}

OpCost silu_mul_cost(int64_t tokens, int64_t width, const ElementBytes& bytes) {
  const double elements = product(tokens, width);
  return {5 * elements, 3 * elements * bytes.activation};
}

OpCost add_cost(int64_t tokens, int64_t hidden, const ElementBytes& bytes) {
  const double elements = product(tokens, hidden);
  return {elements, 3 * elements * bytes.activation};
}

OpCost route_cost(int64_t tokens, int64_t num_experts, int64_t chosen) {
  const double logits = product(tokens, num_experts), pairs = product(tokens, chosen);
  return {6 * logits + logits * static_cast<double>(chosen) + 2 * pairs,
          logits * kFloatBytes + static_cast<double>(num_experts) * kFloatBytes +
              pairs * (kIndexBytes + kFloatBytes)};
}

OpCost experts_cost(int64_t tokens, int64_t chosen, double num_touched, int64_t hidden,
                    int64_t width, const ElementBytes& bytes) {
  const double expert = 3 * product(hidden, width);
  return {2 * product(tokens, chosen) * expert,
          num_touched * expert * bytes.weight + 2 * product(tokens, hidden) * bytes.activation +
              product(tokens, chosen) * (kIndexBytes + kFloatBytes)};
}

OpCost gather_rows_cost(int64_t rows, int64_t hidden, const ElementBytes& bytes) {
  return {0,
          2 * product(rows, hidden) * bytes.activation + static_cast<double>(rows) * kIndexBytes};
}

LimitTime limit_time(const OpCost& cost, double gb_per_s, double gflop_per_s) {
  const double memory = cost.bytes / (gb_per_s * 1e9);
  const double arithmetic = cost.operations / (gflop_per_s * 1e9);
  return memory >= arithmetic ? LimitTime{memory, true} : LimitTime{arithmetic, false};
}

}  // namespace ernie::bench
