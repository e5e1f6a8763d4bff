// route and experts of host_kernels.h.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "verify/error_budget.h"
#include "verify/faults/host_kernels.h"

namespace ernie::verify::host {
namespace {

double float32(double x) { return round_to(DType::kF32, x); }

Values softmax(std::span<const double> logits, Quirk quirk) {
  Values p;
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double x : logits) {
    const bool narrow = quirk == Quirk::kBf16Logits;
    p.push_back(std::exp((narrow ? round_to(DType::kBF16, x) : x) - max));
    sum += p.back();
  }
  for (double& x : p) x = float32(x / sum);
  return p;
}

void route_token(std::span<const double> logits, const Values& bias, size_t chosen, float norm_min,
                 Quirk quirk, Routing& routing) {
  const Values p = softmax(logits, quirk);
  Values key = p;
  for (size_t e = 0; e < key.size(); ++e) {
    if (quirk != Quirk::kNoBias) key[e] = float32(p[e] + bias[e]);
  }
  std::vector<int32_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    const double ka = key[static_cast<size_t>(a)], kb = key[static_cast<size_t>(b)];
    if (ka != kb && !std::isnan(ka) && !std::isnan(kb)) return ka > kb;
    return quirk == Quirk::kHigherIdOnTie ? a > b : a < b;
  });
  if (quirk == Quirk::kSeventhForSixth && chosen < order.size()) {
    std::swap(order[chosen - 1], order[chosen]);
  }
  const Values& weights = quirk == Quirk::kBiasedWeights ? key : p;
  double sum = 0;
  for (size_t j = 0; j < chosen; ++j) sum += weights[static_cast<size_t>(order[j])];
  if (quirk == Quirk::kNotNormalised) sum = 1;
  sum = std::max(sum, static_cast<double>(norm_min));
  for (size_t j = 0; j < chosen; ++j) {
    routing.ids.push_back(order[j]);
    routing.weights.push_back(float32(weights[static_cast<size_t>(order[j])] / sum));
  }
}

double dot(const double* a, const double* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

Values swiglu(const Expert& expert, const double* x, size_t hidden, const Mode& mode) {
  const size_t width = expert.gate.size() / hidden;
  Values h;
  for (size_t i = 0; i < width; ++i) {
    double gate = round_to(mode.act, dot(&expert.gate[i * hidden], x, hidden));
    double up = round_to(mode.act, dot(&expert.up[i * hidden], x, hidden));
    if (mode.quirk == Quirk::kGateUpSwapped) std::swap(gate, up);
    const double silu = mode.quirk == Quirk::kNoSilu ? gate : gate / (1 + std::exp(-gate));
    const double value = round_to(mode.act, round_to(mode.act, silu) * up);
    h.push_back(mode.quirk == Quirk::kTruncatingStore ? truncated_to(DType::kBF16, value) : value);
  }
  Values y;
  for (size_t o = 0; o < hidden; ++o) {
    y.push_back(round_to(mode.act, dot(&expert.down[o * width], h.data(), width)));
  }
  return y;
}

}  // namespace

Routing route(const Values& logits, const Values& bias, int64_t chosen, float norm_min,
              const Mode& mode) {
  Routing routing;
  for (size_t begin = 0; begin < logits.size(); begin += bias.size()) {
    route_token(std::span(logits).subspan(begin, bias.size()), bias, static_cast<size_t>(chosen),
                norm_min, mode.quirk, routing);
  }
  return routing;
}

Values experts(const Values& x, const Routing& routing, int64_t chosen,
               const std::vector<Expert>& all, const Mode& mode) {
  const auto k = static_cast<size_t>(chosen);
  const size_t tokens = routing.ids.size() / k, hidden = x.size() / tokens;
  Values out;
  for (size_t t = 0; t < tokens; ++t) {
    const bool borrowed = mode.quirk == Quirk::kOtherTokensInput && tokens > 1 && t == tokens - 1;
    const double* input = &x[(borrowed ? 0 : t) * hidden];
    std::vector<std::pair<int32_t, double>> chosen_here;
    for (size_t j = 0; j < k; ++j) {
      if (mode.quirk == Quirk::kLastExpertDropped && j == k - 1) break;
      chosen_here.emplace_back(routing.ids[t * k + j], routing.weights[t * k + j]);
    }
    std::ranges::sort(chosen_here);
    Values sum(hidden);
    for (auto [id, weight] : chosen_here) {
      if (mode.quirk == Quirk::kNextExpert) id = (id + 1) % static_cast<int32_t>(all.size());
      if (mode.quirk == Quirk::kWeightTwice) weight *= weight;
      if (mode.quirk == Quirk::kWeightMissing) weight = 1;
      const Values y = swiglu(all[static_cast<size_t>(id)], input, hidden, mode);
      const double w = round_to(mode.act, weight);
      for (size_t i = 0; i < hidden; ++i) {
        sum[i] = round_to(mode.act == DType::kBF16 ? mode.act : DType::kF64,
                          sum[i] + round_to(mode.act, w * y[i]));
      }
    }
    for (const double s : sum) out.push_back(round_to(mode.act, s));
  }
  return out;
}

}  // namespace ernie::verify::host
