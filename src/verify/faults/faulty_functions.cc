// Log-probabilities and sampling in double by sorting everything, with the faults they can have.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "verify/error_budget.h"
#include "verify/faults/faulty_functions.h"

namespace ernie::verify {
namespace {

/// Ids in descending order of logit, the lower id first on a tie.
std::vector<int32_t> ranked(std::span<const float> logits, bool higher_id_first) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : higher_id_first ? a > b : a < b;
  });
  return order;
}

double log_sum(std::span<const float> logits, Quirk quirk) {
  constexpr size_t kTail = 256;
  size_t count = logits.size();
  if (quirk == Quirk::kTailSkipped && count > 1) count -= count > kTail ? kTail : 1;
  const bool shifted = quirk != Quirk::kNoMaximum;
  const double max =
      shifted ? static_cast<double>(*std::max_element(logits.begin(), logits.end())) : 0;
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const double e = std::exp(static_cast<double>(logits[i]) - max);
    sum += quirk == Quirk::kBf16Exponential ? round_to(DType::kBF16, e) : round_to(DType::kF32, e);
  }
  return max + std::log(shifted ? sum : round_to(DType::kF32, sum));
}

Result<TokenLogprob> logprob(std::span<const float> logits, int32_t token_id, int32_t num_top,
                             Quirk quirk) {
  const std::vector<int32_t> order = ranked(logits, false);
  const double total = log_sum(logits, quirk);
  const auto of = [&](int32_t id) {
    if (quirk == Quirk::kUniform) return -std::log(static_cast<float>(logits.size()));
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - total);
  };
  TokenLogprob result{.token_id = token_id, .logprob = of(token_id)};
  result.rank = static_cast<int32_t>(std::ranges::find(order, token_id) - order.begin()) + 1;
  for (int32_t i = 0; i < std::min(num_top, static_cast<int32_t>(order.size())); ++i) {
    result.top.push_back({order[static_cast<size_t>(i)], of(order[static_cast<size_t>(i)])});
  }
  return result;
}

/// What filters leave of the descending probabilities: how many.
size_t kept(const std::vector<double>& p, const SamplingParams& params, Quirk quirk) {
  size_t count = p.size();
  while (count > 1 && p[count - 1] < static_cast<double>(params.min_p) * p[0]) --count;
  if (params.top_k > 0) {
    const auto k = static_cast<size_t>(params.top_k) + (quirk == Quirk::kOneMoreKept ? 1 : 0);
    count = std::min(count, k);
  }
  const double mass =
      std::accumulate(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += p[i];
    if (sum >= static_cast<double>(params.top_p) * mass) return i + 1;
  }
  return count;
}

std::vector<double> softmax(std::span<const float> logits, const std::vector<int32_t>& order,
                            double temperature) {
  std::vector<double> p;
  const double max = static_cast<double>(logits[static_cast<size_t>(order[0])]);
  for (const int32_t id : order) {
    p.push_back(
        std::exp((static_cast<double>(logits[static_cast<size_t>(id)]) - max) / temperature));
  }
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

/// Rows of the cases here have no penalties, biases or forbidden ends.
Result<int32_t> sample(const SamplerRow& row, Quirk quirk) {
  const SamplingParams& params = *row.params;
  const std::vector<int32_t> order = ranked(row.logits, quirk == Quirk::kHigherIdOnTie);
  if (params.temperature == 0) return order[0];
  const auto temperature = static_cast<double>(params.temperature);
  const std::vector<double> p = softmax(row.logits, order, temperature);
  const bool late = quirk == Quirk::kTemperatureLate;
  const size_t count = kept(late ? softmax(row.logits, order, 1) : p, params, quirk);
  double mass = std::accumulate(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
  static uint64_t calls = 0;
  const uint64_t index = quirk == Quirk::kUnseeded ? ++calls : row.draw_index;
  mass *= philox_uniform(params.seed, Sampler::kSamplingStream, index);
  for (size_t i = 0; i < count; ++i) {
    mass -= p[i];
    if (mass < 0) return order[i];
  }
  return order[count - 1];
}

}  // namespace

HostFunctions faulty_functions(const Fault& fault) {
  HostFunctions functions = engine_functions();
  const Quirk quirk = fault.quirk;
  if (fault.op == "log_softmax") {
    functions.logprob = [quirk](std::span<const float> logits, int32_t id, int32_t num_top) {
      return logprob(logits, id, num_top, quirk);
    };
  }
  if (fault.op == "sample") {
    functions.sample = [quirk](const SamplerRow& row) { return sample(row, quirk); };
  }
  return functions;
}

}  // namespace ernie::verify
