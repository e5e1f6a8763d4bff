#include "bench/model_cost.h"

#include <algorithm>
#include <cmath>

namespace ernie::bench {
namespace {

constexpr double kRouterBytes = 4;

double product(int64_t a, int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

void add_moe(const ModelConfig& c, double tokens, const ElementBytes& bytes, OpCost& cost) {
  const double expert = 3 * product(c.hidden_size, c.moe_intermediate_size);
  const double shared = 3 * product(c.hidden_size, c.shared_intermediate_size());
  const double router = product(c.hidden_size, c.num_experts);
  const auto chosen = static_cast<double>(c.experts_per_token);
  const double touched = expected_experts(c.num_experts, c.experts_per_token, tokens);
  cost.bytes += (touched * expert + shared) * bytes.weight + router * kRouterBytes;
  cost.operations += 2 * tokens * (chosen * expert + shared + router);
}

}  // namespace

OpCost step_cost(const ModelConfig& c, std::span<const QuerySpan> sequences, int64_t logit_rows,
                 const ElementBytes& bytes) {
  const QkvLayout layout{c.num_heads, c.num_kv_heads, c.head_dim};
  const ElementBytes cache_only{.activation = 0, .weight = 0, .kv = bytes.kv};
  const OpCost attention =
      cost_of(attention_operation({sequences.begin(), sequences.end()}, layout), cache_only);
  double tokens = 0;
  for (const QuerySpan& s : sequences) tokens += static_cast<double>(s.num_queries);
  const double projections = product(c.hidden_size, layout.row_size() + layout.q_size());
  const double dense = 3 * product(c.hidden_size, c.intermediate_size);
  const auto hidden = static_cast<double>(c.hidden_size);

  OpCost cost{0, (tokens + 1) * hidden * bytes.weight};  // embedding rows and the final norm
  for (int64_t i = 0; i < c.num_layers; ++i) {
    cost.bytes += (projections + 2 * hidden) * bytes.weight + attention.bytes;
    cost.operations += 2 * tokens * projections + attention.operations;
    if (c.is_moe_layer(i)) {
      add_moe(c, tokens, bytes, cost);
    } else {
      cost.bytes += dense * bytes.weight;
      cost.operations += 2 * tokens * dense;
    }
  }
  if (logit_rows > 0) {
    const double head = product(c.vocab_size, c.hidden_size);
    cost.bytes += head * bytes.weight;
    cost.operations += 2 * static_cast<double>(logit_rows) * head;
  }
  return cost;
}

std::vector<OpCost> prefill_costs(const ModelConfig& config, int64_t batch, int64_t prompt_len,
                                  int64_t max_tokens, const ElementBytes& bytes) {
  std::vector<OpCost> steps;
  for (int64_t sequence = 0, done = 0; sequence < batch;) {
    std::vector<QuerySpan> step;
    int64_t logit_rows = 0;
    for (int64_t budget = max_tokens; budget > 0 && sequence < batch;) {
      const int64_t count = std::min(budget, prompt_len - done);
      done += count;
      budget -= count;
      step.push_back({count, done});
      if (done < prompt_len) continue;
      ++logit_rows;
      ++sequence;
      done = 0;
    }
    steps.push_back(step_cost(config, step, logit_rows, bytes));
  }
  return steps;
}

}  // namespace ernie::bench
