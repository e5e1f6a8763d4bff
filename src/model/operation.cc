#include "model/operation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ernie {
namespace {

constexpr float kNormEps = 1e-5f, kNormMin = 1e-12f;
constexpr int64_t kBlockSize = 16;

using Args = std::span<const Argument>;

double product(int64_t a, int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

OperandSpec whole(OperandKind kind, const Shape& shape) {
  return {.kind = kind, .shape = shape, .num_touched = static_cast<double>(shape.num_elements())};
}

OperandSpec activation(int64_t rows, int64_t columns) {
  return whole(OperandKind::kActivation, {rows, columns});
}

OperandSpec in_place(OperandSpec spec) {
  spec.num_touched *= 2;
  return spec;
}

OperandSpec touching(OperandSpec spec, double num_touched) {
  spec.num_touched = num_touched;
  return spec;
}

OperandSpec floats(const Shape& shape) { return whole(OperandKind::kFloat32, shape); }

OperandSpec ids(const Shape& shape, Contents contents, int64_t limit = 0) {
  OperandSpec spec = whole(OperandKind::kIds, shape);
  spec.contents = contents;
  spec.limit = limit;
  return spec;
}

/// Not counted: a few hundred bytes beside the cache.
OperandSpec given_ids(const Shape& shape, std::vector<int32_t> values) {
  OperandSpec spec{.kind = OperandKind::kIds, .shape = shape, .contents = Contents::kGiven};
  spec.values = std::move(values);
  return spec;
}

OperandSpec matrix(int64_t out, int64_t in, MatrixUse use) {
  OperandSpec spec = whole(OperandKind::kMatrix, {out, in});
  spec.matrix_use = use;
  return spec;
}

OperandSpec vector(int64_t size, VectorUse use) {
  OperandSpec spec = whole(OperandKind::kVector, {size});
  spec.vector_use = use;
  return spec;
}

OperandSpec expert_weights(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                           int64_t width) {
  const double touched = expected_experts(num_experts, chosen, static_cast<double>(tokens));
  return touching(whole(OperandKind::kExperts, {num_experts, hidden, width}),
                  touched * 3 * product(hidden, width));
}

OperandSpec cache(int64_t num_blocks, const QkvLayout& layout, double num_tokens_touched) {
  return {.kind = OperandKind::kCache,
          .shape = {num_blocks, kBlockSize, layout.num_kv_heads, layout.head_dim},
          .num_touched = num_tokens_touched * 2 * product(layout.num_kv_heads, layout.head_dim)};
}

int64_t blocks_of(int64_t num_tokens) { return (num_tokens + kBlockSize - 1) / kBlockSize; }

std::string rows_text(int64_t rows, int64_t columns) {
  return fmt::format("{} × {}", rows, columns);
}

double route_arithmetic(int64_t tokens, int64_t num_experts, int64_t chosen) {
  const double logits = product(tokens, num_experts);
  return 6 * logits + logits * static_cast<double>(chosen) + 2 * product(tokens, chosen);
}

}  // namespace

double expected_experts(int64_t num_experts, int64_t chosen, double tokens) {
  const auto n = static_cast<double>(num_experts);
  return n * (1 - std::pow(1 - static_cast<double>(chosen) / n, tokens));
}

Operation embed_operation(int64_t tokens, int64_t vocabulary, int64_t hidden) {
  return {.op = "embed",
          .shape = fmt::format("{} of {} × {}", tokens, vocabulary, hidden),
          .num_tokens = tokens,
          .operands = {ids({tokens}, Contents::kRandom, vocabulary),
                       touching(matrix(vocabulary, hidden, MatrixUse::kEmbedding),
                                product(tokens, hidden)),
                       activation(tokens, hidden)},
          .call = [](Backend& backend, Args a) {
            backend.embed(a[0].tensor, *a[1].operand, 0, a[2].tensor);
          }};
}

Operation rms_norm_operation(int64_t tokens, int64_t hidden) {
  return {.op = "rms_norm",
          .shape = rows_text(tokens, hidden),
          .num_tokens = tokens,
          .arithmetic = 4 * product(tokens, hidden),
          .operands = {activation(tokens, hidden), vector(hidden, VectorUse::kNorm),
                       activation(tokens, hidden)},
          .call = [](Backend& backend, Args a) {
            backend.rms_norm(a[0].tensor, *a[1].operand, kNormEps, a[2].tensor);
          }};
}

Operation linear_operation(int64_t tokens, int64_t in, int64_t out, MatrixUse use) {
  return {.op = "linear",
          .shape = fmt::format("{} × {} → {}", tokens, in, out),
          .num_tokens = tokens,
          .arithmetic = 2 * product(tokens, in) * static_cast<double>(out),
          .operands = {activation(tokens, in), matrix(out, in, use),
                       use == MatrixUse::kRouter ? floats({tokens, out}) : activation(tokens, out)},
          .call = [](Backend& backend, Args a) {
            backend.linear(a[0].tensor, *a[1].operand, a[2].tensor);
          }};
}

Operation rope_table_operation(int64_t tokens, int64_t head_dim, double theta) {
  return {.op = "rope_table",
          .shape = rows_text(tokens, head_dim),
          .num_tokens = tokens,
          .arithmetic = 3 * product(tokens, head_dim / 2),
          .operands = {ids({tokens}, Contents::kCounting), floats({tokens, head_dim / 2, 2})},
          .call = [theta](Backend& backend, Args a) {
            backend.rope_table(a[0].tensor, theta, a[1].tensor);
          }};
}

Operation rope_operation(int64_t tokens, const QkvLayout& layout) {
  const double turned = product(tokens, layout.value_offset());
  OperandSpec table = floats({tokens, layout.head_dim / 2, 2});
  table.contents = Contents::kNoTurn;
  return {.op = "rope",
          .shape = rows_text(tokens, layout.row_size()),
          .num_tokens = tokens,
          .arithmetic = 6 * turned / 2,
          .operands = {touching(activation(tokens, layout.row_size()), 2 * turned), table},
          .call = [layout](Backend& backend, Args a) {
            backend.rope(a[0].tensor, layout, a[1].tensor);
          }};
}

Operation store_kv_operation(int64_t tokens, const QkvLayout& layout) {
  const double stored = product(tokens, 2 * layout.num_kv_heads * layout.head_dim);
  return {.op = "store_kv",
          .shape = rows_text(tokens, layout.row_size()),
          .num_tokens = tokens,
          .operands = {touching(activation(tokens, layout.row_size()), stored),
                       ids({tokens}, Contents::kCounting),
                       cache(blocks_of(tokens), layout, static_cast<double>(tokens))},
          .call = [layout](Backend& backend, Args a) {
            backend.store_kv(a[0].tensor, layout, a[1].tensor, *a[2].cache, a[2].layer);
          }};
}

Operation attention_operation(const std::vector<QuerySpan>& sequences, const QkvLayout& layout) {
  const auto num_seqs = static_cast<int64_t>(sequences.size());
  int64_t tokens = 0, longest = 0;
  double pairs = 0, keys = 0;
  std::vector<int32_t> starts{0}, lens;
  for (const QuerySpan& s : sequences) {
    tokens += s.num_queries;
    longest = std::max(longest, s.context_len);
    starts.push_back(static_cast<int32_t>(tokens));
    lens.push_back(static_cast<int32_t>(s.context_len));
    // The last query sees all keys, each before it one less.
    pairs += product(s.num_queries, s.context_len) - product(s.num_queries, s.num_queries - 1) / 2;
    keys += static_cast<double>(s.context_len);
  }
  const int64_t pitch = blocks_of(longest), num_blocks = num_seqs * pitch;
  OperandSpec tables = ids({num_seqs * pitch}, Contents::kDistinct, num_blocks);
  tables.num_touched = 0;
  return {.op = "attention",
          .shape = num_seqs == 1 ? fmt::format("1 × {}", tokens)
                                 : fmt::format("{} at depth {}", num_seqs, longest),
          .num_tokens = tokens,
          .arithmetic = 4 * pairs * static_cast<double>(layout.q_size()),
          .operands = {touching(activation(tokens, layout.row_size()),
                                product(tokens, layout.q_size())),
                       cache(num_blocks, layout, keys), given_ids({num_seqs + 1}, starts),
                       given_ids({num_seqs}, lens), tables, activation(tokens, layout.q_size())},
          .call = [layout, longest, num_seqs, pitch](Backend& backend, Args a) {
            const AttentionBatch batch{a[2].tensor, a[3].tensor,
                                       a[4].tensor.reshaped({num_seqs, pitch}), longest};
            backend.attention(a[0].tensor, layout, *a[1].cache, a[1].layer, batch, a[5].tensor);
          }};
}

Operation silu_mul_operation(int64_t tokens, int64_t width) {
  return {.op = "silu_mul",
          .shape = rows_text(tokens, width),
          .num_tokens = tokens,
          .arithmetic = 5 * product(tokens, width),
          .operands = {activation(tokens, 2 * width), activation(tokens, width)},
          .call = [](Backend& backend, Args a) { backend.silu_mul(a[0].tensor, a[1].tensor); }};
}

Operation add_operation(int64_t tokens, int64_t hidden) {
  return {
      .op = "add",
      .shape = rows_text(tokens, hidden),
      .num_tokens = tokens,
      .arithmetic = product(tokens, hidden),
      // In place, as the model adds to the residual stream.
      .operands = {in_place(activation(tokens, hidden)), activation(tokens, hidden)},
      .call = [](Backend& backend, Args a) { backend.add(a[0].tensor, a[1].tensor, a[0].tensor); }};
}

Operation route_operation(int64_t tokens, int64_t num_experts, int64_t chosen) {
  return {.op = "route",
          .shape = fmt::format("{} × {}, top {}", tokens, num_experts, chosen),
          .num_tokens = tokens,
          .arithmetic = route_arithmetic(tokens, num_experts, chosen),
          .operands = {floats({tokens, num_experts}), vector(num_experts, VectorUse::kRouterBias),
                       ids({tokens, chosen}, Contents::kCounting), floats({tokens, chosen})},
          .call = [](Backend& backend, Args a) {
            backend.route(a[0].tensor, *a[1].operand, kNormMin, a[2].tensor, a[3].tensor);
          }};
}

Operation experts_operation(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                            int64_t width) {
  return {.op = "experts",
          .shape = fmt::format("{} × {}, top {} of {}, width {}", tokens, hidden, chosen,
                               num_experts, width),
          .num_tokens = tokens,
          .arithmetic = 2 * product(tokens, chosen) * 3 * product(hidden, width),
          .operands = {activation(tokens, hidden),
                       ids({tokens, chosen}, Contents::kDistinct, num_experts),
                       floats({tokens, chosen}),
                       expert_weights(tokens, num_experts, chosen, hidden, width),
                       activation(tokens, hidden)},
          .call = [](Backend& backend, Args a) {
            backend.experts(a[0].tensor, a[1].tensor, a[2].tensor, *a[3].operand, 0, a[4].tensor);
          }};
}

Operation gather_rows_operation(int64_t rows, int64_t hidden) {
  return {.op = "gather_rows",
          .shape = rows_text(rows, hidden),
          .num_tokens = rows,
          .operands = {activation(rows, hidden), ids({rows}, Contents::kDistinct, rows),
                       activation(rows, hidden)},
          .call = [](Backend& backend, Args a) {
            backend.gather_rows(a[0].tensor, a[1].tensor, a[2].tensor);
          }};
}

Operation argmax_operation(int64_t rows, int64_t vocabulary) {
  return {.op = "argmax",
          .shape = rows_text(rows, vocabulary),
          .num_tokens = rows,
          .arithmetic = product(rows, vocabulary),
          .operands = {activation(rows, vocabulary), ids({rows}, Contents::kCounting)},
          .call = [](Backend& backend, Args a) { backend.argmax(a[0].tensor, a[1].tensor); }};
}

Operation add_rms_norm_operation(int64_t tokens, int64_t hidden) {
  return {.op = "add_rms_norm",
          .shape = rows_text(tokens, hidden),
          .num_tokens = tokens,
          .arithmetic = 5 * product(tokens, hidden),
          .operands = {in_place(activation(tokens, hidden)), activation(tokens, hidden),
                       vector(hidden, VectorUse::kNorm), activation(tokens, hidden)},
          .call = [](Backend& backend, Args a) {
            backend.add_rms_norm(a[0].tensor, a[1].tensor, *a[2].operand, kNormEps, a[3].tensor);
          }};
}

Operation gate_up_silu_operation(int64_t tokens, int64_t hidden, int64_t width) {
  return {.op = "gate_up_silu",
          .shape = fmt::format("{} × {} → {}", tokens, hidden, width),
          .num_tokens = tokens,
          .arithmetic =
              4 * product(tokens, hidden) * static_cast<double>(width) + 5 * product(tokens, width),
          .operands = {activation(tokens, hidden), matrix(2 * width, hidden, MatrixUse::kLinear),
                       touching(activation(tokens, 2 * width), 0), activation(tokens, width)},
          .call = [](Backend& backend, Args a) {
            backend.gate_up_silu(a[0].tensor, *a[1].operand, a[2].tensor, a[3].tensor);
          }};
}

Operation moe_operation(int64_t tokens, int64_t num_experts, int64_t chosen, int64_t hidden,
                        int64_t width) {
  const Operation experts = experts_operation(tokens, num_experts, chosen, hidden, width);
  return {.op = "moe",
          .shape = experts.shape,
          .num_tokens = tokens,
          .arithmetic = experts.arithmetic + route_arithmetic(tokens, num_experts, chosen) +
                        2 * product(tokens, hidden) * static_cast<double>(num_experts),
          .operands = {activation(tokens, hidden), matrix(num_experts, hidden, MatrixUse::kRouter),
                       vector(num_experts, VectorUse::kRouterBias),
                       expert_weights(tokens, num_experts, chosen, hidden, width),
                       touching(floats({tokens, num_experts}), 0),
                       touching(ids({tokens, chosen}, Contents::kCounting), 0),
                       touching(floats({tokens, chosen}), 0), activation(tokens, hidden)},
          .call = [](Backend& backend, Args a) {
            const MoeOperands weights{.router = *a[1].operand,
                                      .bias = *a[2].operand,
                                      .experts = *a[3].operand,
                                      .norm_min = kNormMin};
            backend.moe(a[0].tensor, weights, {a[4].tensor, a[5].tensor, a[6].tensor}, a[7].tensor);
          }};
}

}  // namespace ernie
