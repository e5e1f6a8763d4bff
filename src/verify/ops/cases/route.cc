// route: the chosen set wherever the keys differ by more than rounding, its order, the tie rule,
// and the weights. Keys are recomputed here in double, for the margins.

#include <algorithm>
#include <bit>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

enum class Logits { kRandom, kEqual, kNearTies, kExtreme, kMasked, kNan };
enum class Bias { kZero, kSmall, kLarge, kNegative };
constexpr std::string_view kLogitNames[] = {"random",  "equal",  "near ties",
                                            "extreme", "masked", "NaN row"};
constexpr std::string_view kBiasNames[] = {"no bias", "small bias", "large bias", "negative bias"};

struct RouteCase {
  int64_t tokens, experts, chosen;
  Logits logits;
  Bias bias;
  uint64_t seed;
};

struct Routing {
  std::vector<int32_t> ids;
  std::vector<double> weights;
};

/// Two neighbours of the best logits are made equal or a few units apart.
void make_near_ties(std::span<double> row, Random& random) {
  constexpr double kGaps[] = {0, 0x1p-24, 0x1p-23, 10 * 0x1p-24, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3};
  const size_t n = row.size();
  for (size_t pairs = 0; pairs < n / 4; ++pairs) {
    const auto a = static_cast<size_t>(random.below(static_cast<int64_t>(n)));
    const auto b = static_cast<size_t>(random.below(static_cast<int64_t>(n)));
    row[b] = round_to(DType::kF32, row[a] * (1 + kGaps[random.below(9)]));
  }
}

std::vector<double> make_logits(const RouteCase& c, Random& random) {
  std::vector<double> logits =
      make_values(InputClass::kNormal, c.tokens, c.experts, DType::kF32, random);
  const auto row = [&](int64_t t) {
    return std::span(logits).subspan(static_cast<size_t>(t * c.experts),
                                     static_cast<size_t>(c.experts));
  };
  for (int64_t t = 0; t < c.tokens; ++t) {
    for (double& x : row(t)) {
      if (c.logits == Logits::kEqual) x = 0.25;
      if (c.logits == Logits::kExtreme)
        x = random.chance(0.5) ? 80 : round_to(DType::kF32, -80 + x);
      if (c.logits == Logits::kMasked && random.chance(0.3)) x = -INFINITY;
    }
    row(t)[static_cast<size_t>(random.below(c.experts))] += 0.5;  // never only -inf
    if (c.logits == Logits::kMasked) row(t)[0] = 1;
    if (c.logits == Logits::kNearTies) make_near_ties(row(t), random);
  }
  for (double& x : logits) x = round_to(DType::kF32, x);
  if (c.logits == Logits::kNan) logits[static_cast<size_t>(random.below(c.experts))] = NAN;
  return logits;
}

std::vector<double> make_bias(const RouteCase& c, Random& random) {
  std::vector<double> bias(static_cast<size_t>(c.experts));
  for (double& b : bias) {
    const double x = random.normal();
    b = c.bias == Bias::kZero    ? 0
        : c.bias == Bias::kSmall ? 0.02 * x
        : c.bias == Bias::kLarge ? x
                                 : -1 + 0.1 * x;
    b = round_to(DType::kF32, b);
  }
  // Equal biases, so that equal logits are ties.
  if (c.logits == Logits::kEqual || c.logits == Logits::kNearTies) {
    std::fill(bias.begin(), bias.end(), bias[0]);
  }
  return bias;
}

Result<Routing> run_route(Backend& backend, const Operand& bias, std::span<const double> logits,
                          const RouteCase& c) {
  const auto tokens = static_cast<int64_t>(logits.size()) / c.experts;
  ERNIE_TRY(const Array in, upload(backend, logits, {tokens, c.experts}, DType::kF32));
  ERNIE_TRY(const Array ids, poisoned(backend, {tokens, c.chosen}, DType::kI32));
  ERNIE_TRY(const Array weights, poisoned(backend, {tokens, c.chosen}, DType::kF32));
  backend.route(in.tensor, bias, kMoeNormMin, ids.tensor, weights.tensor);
  Routing routing;
  ERNIE_TRY(routing.ids, download_ids(backend, ids.tensor));
  ERNIE_TRY(routing.weights, download(backend, weights.tensor));
  return routing;
}

/// One token's truth in double.
struct Keys {
  Keys(std::span<const double> logit_row, std::span<const double> biases)
      : logits(logit_row), bias(biases) {
    const double max = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double x : logits) sum += std::exp(x - max);
    for (size_t e = 0; e < logits.size(); ++e) {
      p.push_back(std::exp(logits[e] - max) / sum);
      key.push_back(p[e] + bias[e]);
    }
  }
  /// How far two float32 computations of these keys can be apart.
  double margin(size_t a, size_t b) const {
    const double size = std::max({p[a], p[b], std::abs(key[a]), std::abs(key[b])});
    return 8 * unit_roundoff(DType::kF32) * size + 0x1p-125;  // smaller ones may underflow
  }
  /// Whether a may stand before b, or be chosen instead of it.
  bool may_precede(size_t a, size_t b) const {
    if (logits[a] == logits[b] && bias[a] == bias[b]) return a < b;
    return key[a] >= key[b] - margin(a, b);
  }
  std::span<const double> logits, bias;
  std::vector<double> p, key;
};

/// The names of what is wrong with one token's choice.
void check_choice(const Keys& keys, std::span<const int32_t> ids,
                  std::vector<std::string>& failures) {
  const auto n = static_cast<int32_t>(keys.key.size());
  std::vector<bool> chosen(keys.key.size());
  for (const int32_t id : ids) {
    if (id < 0 || id >= n || chosen[static_cast<size_t>(id)]) {
      failures.emplace_back("ids");
      return;
    }
    chosen[static_cast<size_t>(id)] = true;
  }
  for (size_t j = 0; j + 1 < ids.size(); ++j) {
    if (!keys.may_precede(static_cast<size_t>(ids[j]), static_cast<size_t>(ids[j + 1]))) {
      failures.emplace_back("order");
      return;
    }
  }
  for (size_t e = 0; e < keys.key.size(); ++e) {
    for (const int32_t id : ids) {
      if (!chosen[e] && !keys.may_precede(static_cast<size_t>(id), e)) {
        failures.emplace_back("selection");
        return;
      }
    }
  }
}

void meter_weights(const Keys& keys, std::span<const int32_t> ids, std::span<const double> got,
                   int64_t first_index, ErrorMeter& meter) {
  double sum = 0;
  for (const int32_t id : ids) sum += keys.p[static_cast<size_t>(id)];
  const double denominator = std::max(sum, static_cast<double>(kMoeNormMin));
  // Twice two for the probabilities above and below the bar, k - 1 for their sum, one for the
  // quotient: what all of them can do together, and one to spare.
  const double units = (5 + static_cast<double>(ids.size())) * unit_roundoff(DType::kF32);
  for (size_t j = 0; j < ids.size(); ++j) {
    const double want = keys.p[static_cast<size_t>(ids[j])] / denominator;
    // A probability below the smallest normal number has lost digits before the division.
    const double budget = units * want + 4 * half_smallest(DType::kF32) / denominator;
    meter.add(first_index + static_cast<int64_t>(j), got[j], want, budget);
  }
}

/// One token's row of the device's routing.
Routing row_of(const Routing& routing, int64_t t, int64_t k) {
  const auto begin = static_cast<std::ptrdiff_t>(t * k),
             end = begin + static_cast<std::ptrdiff_t>(k);
  return {{routing.ids.begin() + begin, routing.ids.begin() + end},
          {routing.weights.begin() + begin, routing.weights.begin() + end}};
}

bool same(const Routing& a, const Routing& b) {
  return a.ids == b.ids && same_bits(a.weights, b.weights);
}

/// The oracle must agree wherever the margins leave no freedom; compared as sets.
bool oracle_agrees(const Keys& keys, Routing device, Routing oracle) {
  std::ranges::sort(device.ids);
  std::ranges::sort(oracle.ids);
  std::vector<int32_t> only_device, only_oracle;
  std::ranges::set_difference(device.ids, oracle.ids, std::back_inserter(only_device));
  std::ranges::set_difference(oracle.ids, device.ids, std::back_inserter(only_oracle));
  return std::ranges::all_of(only_device, [&](int32_t a) {
    return std::ranges::all_of(only_oracle, [&](int32_t b) {
      return keys.may_precede(static_cast<size_t>(a), static_cast<size_t>(b));
    });
  });
}

void check_tokens(const RouteCase& c, const std::vector<double>& logits,
                  const std::vector<double>& bias, const Routing& got, const Routing& want,
                  CaseResult& result) {
  ErrorMeter meter(DType::kF32);
  for (int64_t t = 0; t < c.tokens; ++t) {
    const auto row = std::span(logits).subspan(static_cast<size_t>(t * c.experts),
                                               static_cast<size_t>(c.experts));
    const Routing mine = row_of(got, t, c.chosen);
    if (std::ranges::any_of(row, [](double x) { return std::isnan(x); })) {
      // There is no right answer, but what follows must stay inside the experts.
      const bool inside =
          std::ranges::all_of(mine.ids, [&](int32_t id) { return 0 <= id && id < c.experts; });
      if (!inside) result.failures.emplace_back("ids");
      continue;
    }
    const Keys keys(row, bias);
    const Routing right = row_of(want, t, c.chosen);
    const size_t before = result.failures.size();
    check_choice(keys, mine.ids, result.failures);
    const bool chosen_right = result.failures.size() == before;
    if (chosen_right && !oracle_agrees(keys, mine, right)) {
      result.failures.emplace_back("selection");
    }
    // Weights belong to experts: of other ones than the right ones nothing can be expected.
    meter_weights(keys, chosen_right ? mine.ids : right.ids, mine.weights, t * c.chosen, meter);
  }
  result.error = meter.summary();
  for (std::string& name : failed_checks(result.error, result.tolerance, false)) {
    result.failures.push_back(std::move(name));
  }
}

Result<void> run_route_case(const Plan&, const RouteCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const std::vector<double> logits = make_logits(c, random);
  const std::vector<double> bias = make_bias(c, random);
  const HostMatrix tensor = host_matrix(bias, {c.experts}, DType::kF32);
  const auto route_on = [&](Role role, std::span<const double> some) -> Result<Routing> {
    ERNIE_TRY(const OperandPtr operand,
              rig.of(role).prepare_vector(tensor, VectorUse::kRouterBias));
    return run_route(rig.of(role), *operand, some, c);
  };
  ERNIE_TRY(const Routing got, route_on(Role::kDevice, logits));
  ERNIE_TRY(const Routing want, route_on(Role::kOracle, logits));

  CaseResult result{.op = "route",
                    .shape = fmt::format("T {}, top {} of {}", c.tokens, c.chosen, c.experts),
                    .input = {std::string(kLogitNames[static_cast<size_t>(c.logits)]),
                              std::string(kBiasNames[static_cast<size_t>(c.bias)])},
                    .seed = c.seed,
                    .tolerance = {.emax = 1, .erms = 0.4}};
  check_tokens(c, logits, bias, got, want, result);
  const int64_t row = random.below(c.tokens);
  const std::vector<int64_t> one{row};
  ERNIE_TRY(const Routing alone, route_on(Role::kDevice, rows_of(logits, c.experts, one)));
  if (!same(alone, row_of(got, row, c.chosen))) result.failures.emplace_back("batch invariance");
  if (c.tokens % 2 == 1) {
    ERNIE_TRY(const Routing twin, route_on(Role::kTwin, logits));
    if (!same(twin, got)) result.failures.emplace_back("threads");
  }
  std::ranges::sort(result.failures);
  result.failures.erase(std::unique(result.failures.begin(), result.failures.end()),
                        result.failures.end());
  sink(std::move(result));
  return {};
}

std::vector<RouteCase> make_cases(const Plan& plan) {
  std::vector<RouteCase> cases;
  const auto add = [&](int64_t tokens, int64_t experts, int64_t chosen, Logits logits, Bias bias) {
    cases.push_back({tokens, experts, chosen, logits, bias, sub_seed(plan.seed, cases.size())});
  };
  constexpr Logits kLogits[] = {Logits::kRandom,  Logits::kEqual,  Logits::kNearTies,
                                Logits::kExtreme, Logits::kMasked, Logits::kNan};
  constexpr Bias kBiases[] = {Bias::kZero, Bias::kSmall, Bias::kLarge, Bias::kNegative};
  const auto add_all = [&](int64_t tokens, int64_t experts, int64_t chosen) {
    for (const Logits logits : kLogits) {
      for (const Bias bias : kBiases) add(tokens, experts, chosen, logits, bias);
    }
  };
  switch (plan.suite) {
    case Suite::kPublished:
      for (const Operation& check : published_checks("route")) {
        const Shape &logits = check.operands[0].shape, &ids = check.operands[2].shape;
        add(logits[0], logits[1], ids[1], Logits::kRandom, Bias::kSmall);
      }
      break;
    case Suite::kFaults:
      add_all(40, kExperts, kChosenExperts);
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("route")) {
        for (const int64_t tokens : {1, 16, 512}) {
          add_all(tokens, call.operands[0].shape[1], call.operands[2].shape[1]);
        }
      }
      break;
    case Suite::kFull:
      for (int round = 0; round < 16; ++round) {
        for (const int64_t tokens : {1, 2, 3, 7, 8, 16, 17, 33, 65, 129, 256}) {
          add_all(tokens, kExperts, kChosenExperts);
          if (tokens <= 33) {
            add_all(tokens, 8, 3);
            add_all(tokens, 17, 1 + round % 17);
          }
        }
      }
      break;
  }
  return cases;
}

std::vector<CaseGroup> route_groups(const Plan& plan) {
  return grouped<RouteCase>("route", make_cases(plan), plan, run_route_case);
}

}  // namespace

OperationCases route_cases() { return {"route", route_groups}; }

}  // namespace ernie::verify::ops
