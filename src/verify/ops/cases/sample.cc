// sample: the tokens that may be drawn, their frequencies, and that a draw can be repeated.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

struct SampleCase {
  int64_t vocabulary;
  int num_draws;
  bool tied;  // greedy, with a tie for the best
  uint64_t seed;
};

/// Rounding may move the border of top_p by this much probability.
constexpr double kBorder = 1e-5;

SamplingParams make_params(int64_t vocabulary, Random& random) {
  SamplingParams params;
  constexpr float kTemperatures[] = {0, 0.3f, 0.7f, 1, 1.5f, 3};
  params.temperature = kTemperatures[random.below(6)];
  if (random.chance(0.5)) params.top_k = static_cast<int32_t>(random.between(1, vocabulary));
  if (random.chance(0.5)) params.top_p = static_cast<float>(0.05 + 0.95 * random.uniform());
  if (random.chance(0.3)) params.min_p = static_cast<float>(0.3 * random.uniform());
  params.seed = random.bits();
  return params;
}

std::vector<float> make_logits(int64_t vocabulary, Random& random) {
  std::vector<float> logits;
  const double sd = 0.5 + 3 * random.uniform();
  const bool ties = random.chance(0.3);
  for (int64_t i = 0; i < vocabulary; ++i) {
    const double x = sd * random.normal();
    logits.push_back(static_cast<float>(ties ? std::round(x) : x));
  }
  return logits;
}

/// Probability of each token after the filters, in double, and which tokens lie on a border.
struct Distribution {
  std::vector<double> p;
  std::vector<bool> on_border;
};

Distribution true_distribution(std::span<const float> logits, const SamplingParams& params) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  Distribution d{std::vector<double>(logits.size()), std::vector<bool>(logits.size())};
  if (params.temperature == 0) {
    d.p[order[0]] = 1;
    return d;
  }
  const auto weight = [&](size_t id) {
    return std::exp(static_cast<double>(logits[id] - logits[order[0]]) /
                    static_cast<double>(params.temperature));
  };
  std::vector<size_t> left;
  for (const size_t id : order) {
    const double gap = weight(id) - static_cast<double>(params.min_p);
    if (std::abs(gap) < kBorder) d.on_border[id] = true;
    if (gap >= 0) left.push_back(id);
  }
  if (params.top_k > 0 && left.size() > static_cast<size_t>(params.top_k)) {
    left.resize(static_cast<size_t>(params.top_k));
  }
  double mass = 0, before = 0;
  for (const size_t id : left) mass += weight(id);
  for (const size_t id : left) {
    const double gap = static_cast<double>(params.top_p) - before / mass;
    if (std::abs(gap) < kBorder) d.on_border[id] = true;
    if (gap <= 0) break;
    d.p[id] = weight(id);
    before += weight(id);
  }
  for (double& p : d.p) p /= before;
  return d;
}

/// The number of standard deviations by which Pearson's statistic exceeds its mean, after Wilson
/// and Hilferty; tokens with few expected draws are thrown together.
double chi_squared_deviation(const Distribution& d, const std::vector<int>& counts, int num_draws) {
  double statistic = 0, rare_expected = 0, rare_count = 0, cells = 0;
  const auto add = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    cells += 1;
  };
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = d.p[i] * num_draws;
    if (expected >= 8) {
      add(counts[i], expected);
    } else {
      rare_expected += expected;
      rare_count += counts[i];
    }
  }
  if (rare_expected >= 8) add(rare_count, rare_expected);
  const double freedom = cells - 1;
  if (freedom < 1) return 0;
  const double spread = 2 / (9 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - spread)) / std::sqrt(spread);
}

Result<void> run_case(const Plan&, const SampleCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  std::vector<float> logits = make_logits(c.vocabulary, random);
  SamplingParams params = make_params(c.vocabulary, random);
  if (c.tied) {
    params.temperature = 0;
    const float best = 1 + *std::max_element(logits.begin(), logits.end());
    logits[0] = logits.back() = logits[static_cast<size_t>(random.below(c.vocabulary))] = best;
  }
  CaseResult result{.op = "sample",
                    .shape = fmt::format("V {}, {} draws", c.vocabulary, c.num_draws),
                    .input = {params.temperature == 0 ? "greedy" : "drawn", c.tied ? "tied" : ""},
                    .seed = c.seed,
                    .tolerance = {.emax = 1, .erms = 1}};
  const Distribution truth = true_distribution(logits, params);
  std::vector<int> counts(logits.size());
  const auto draw = [&](int index) {
    return rig.host().sample({logits, &params, nullptr, static_cast<uint64_t>(index)});
  };
  bool border = false;
  std::vector<int32_t> drawn;
  for (int i = 0; i < c.num_draws; ++i) {
    const auto token = draw(i);
    if (!token || *token < 0 || *token >= c.vocabulary) {
      result.failures.emplace_back("refused");
      break;
    }
    drawn.push_back(*token);
    const auto id = static_cast<size_t>(*token);
    ++counts[id];
    border = border || truth.on_border[id];
    if (truth.p[id] == 0 && !truth.on_border[id]) result.failures.emplace_back("support");
    if (!result.failures.empty()) break;
  }
  // The same draw again, in another order: a draw must not depend on what was drawn before.
  for (size_t i = drawn.size(); i > 0 && i + 20 > drawn.size(); --i) {
    const auto again = draw(static_cast<int>(i - 1));
    if (!again || *again != drawn[i - 1]) {
      result.failures.emplace_back("replay");
      break;
    }
  }
  // 4.9 standard deviations: once in two million cases.
  if (result.failures.empty() && !border) {
    const double deviation = chi_squared_deviation(truth, counts, c.num_draws);
    result.error.num_elements = c.num_draws;
    result.error.emax = std::max(deviation, 0.0) / 4.9;
    if (deviation > 4.9) result.failures.emplace_back("frequencies");
  }
  sink(std::move(result));
  return {};
}

std::vector<SampleCase> make_cases(const Plan& plan) {
  std::vector<SampleCase> cases;
  const auto add = [&](int count, int64_t vocabulary, int num_draws) {
    for (int i = 0; i < count; ++i) {
      cases.push_back({vocabulary, num_draws, i % 8 == 0, sub_seed(plan.seed, cases.size())});
    }
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      add(24, 30, 400);
      break;
    case Suite::kModel:
      add(40, 200, 2000);
      for (const Operation& call : model_calls("argmax")) add(4, call.operands[0].shape[1], 200);
      break;
    case Suite::kFull:
      add(1700, 5, 60);
      add(1700, 20, 200);
      add(1500, 50, 300);
      add(200, 300, 2000);
      break;
  }
  return cases;
}

std::vector<CaseGroup> sample_groups(const Plan& plan) {
  return grouped<SampleCase>("sample", make_cases(plan), plan, run_case);
}

}  // namespace

OperationCases sample_cases() { return {"sample", sample_groups}; }

}  // namespace ernie::verify::ops
