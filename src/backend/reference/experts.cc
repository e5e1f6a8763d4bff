#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {
namespace {

void softmax(const Row& logits, std::vector<float>& p) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double x : logits) sum += std::exp(x - max);
  p.clear();
  for (const double x : logits) p.push_back(static_cast<float>(std::exp(x - max) / sum));
}

/// out = down(silu(gate x) * (up x)), each stored value rounded to `act`.
void swiglu(const Experts::Expert& expert, const Row& x, DType act, Row& hidden, Row& out) {
  hidden.resize(static_cast<size_t>(expert.gate.dim(0)));
  for (size_t i = 0; i < hidden.size(); ++i) {
    const double gate = rounded(act, expert.gate.dot(static_cast<int64_t>(i), x));
    const double up = rounded(act, expert.up.dot(static_cast<int64_t>(i), x));
    const double activated = rounded(act, gate / (1.0 + std::exp(-gate)));
    hidden[i] = rounded(act, activated * up);
  }
  out.resize(static_cast<size_t>(expert.down.dim(0)));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = rounded(act, expert.down.dot(static_cast<int64_t>(i), hidden));
  }
}

}  // namespace

void ReferenceBackend::do_route(const Tensor& logits, const Operand& operand, float norm_min,
                                const Tensor& expert_ids, const Tensor& expert_weights) {
  const auto& bias = static_cast<const Vector&>(operand);
  const int64_t k = expert_ids.dim(1);
  std::vector<float>&p = room_.probabilities, &key = room_.keys;
  std::vector<int32_t>& order = room_.order;
  for (int64_t t = 0; t < logits.dim(0); ++t) {
    softmax(read_row(logits, t, room_.row), p);
    key.resize(p.size());
    for (size_t e = 0; e < p.size(); ++e) key[e] = p[e] + static_cast<float>(bias.values()[e]);
    order.resize(p.size());
    std::iota(order.begin(), order.end(), 0);
    // A row with NaN has no right answer, but it must have one: NaN counts as the least.
    const auto rank = [&](int32_t e) {
      const float value = key[static_cast<size_t>(e)];
      return std::isnan(value) ? -INFINITY : value;
    };
    std::sort(order.begin(), order.end(),
              [&](int32_t a, int32_t b) { return rank(a) != rank(b) ? rank(a) > rank(b) : a < b; });
    float sum = 0;
    for (int64_t j = 0; j < k; ++j) sum += p[static_cast<size_t>(order[static_cast<size_t>(j)])];
    const float denominator = std::max(sum, norm_min);
    for (int64_t j = 0; j < k; ++j) {
      const int32_t e = order[static_cast<size_t>(j)];
      expert_ids.row<int32_t>(t)[static_cast<size_t>(j)] = e;
      expert_weights.row<float>(t)[static_cast<size_t>(j)] =
          p[static_cast<size_t>(e)] / denominator;
    }
  }
}

void ReferenceBackend::do_experts(const Tensor& x, const Tensor& expert_ids,
                                  const Tensor& expert_weights, const Operand& operand,
                                  int64_t first_expert, const Tensor& out) {
  const auto& experts = static_cast<const Experts&>(operand);
  const DType act = out.dtype;
  std::vector<std::pair<int32_t, float>>& chosen = room_.chosen;
  Row &sum = room_.out, &y = room_.other;
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const Row& input = read_row(x, t, room_.row);
    chosen.clear();
    for (size_t j = 0; j < static_cast<size_t>(expert_ids.dim(1)); ++j) {
      const int32_t id = expert_ids.row<int32_t>(t)[j];
      const bool is_here = first_expert <= id && id < first_expert + experts.dim(0);
      if (is_here) chosen.emplace_back(id, expert_weights.row<float>(t)[j]);
    }
    std::sort(chosen.begin(), chosen.end());
    // Without bfloat16 the sum is wide; in bfloat16 the original stores it after each expert.
    sum.assign(input.size(), 0.0);
    for (const auto& [id, weight] : chosen) {
      swiglu(experts.expert(id - first_expert), input, act, room_.hidden, y);
      const double w = rounded(act, static_cast<double>(weight));
      for (size_t i = 0; i < sum.size(); ++i) {
        const double term = y[i] * w;
        sum[i] = act == DType::kBF16 ? rounded(act, sum[i] + rounded(act, term)) : sum[i] + term;
      }
    }
    write_row(out, t, sum);
  }
}

}  // namespace ernie::reference
