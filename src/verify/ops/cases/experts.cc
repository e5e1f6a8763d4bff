// experts: sampled tokens and columns. The budget follows the error of each hidden value through
// the down projection: what gate and up may be off by, times the slope of SwiGLU there.

#include <algorithm>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

enum class Dispatch { kRandom, kAllToOne, kSkewed, kShuffledCounts };
constexpr std::string_view kDispatchNames[] = {"random", "all to the same", "skewed",
                                               "counts 15-17"};

struct ExpertsGroup {
  int64_t experts, chosen, hidden, width;
  std::vector<int64_t> token_counts;
  std::vector<InputClass> inputs;
  std::string name;
  uint64_t seed;
};

/// One projection of every expert.
struct Projection {
  std::vector<std::vector<double>> of;  // [expert][rows * columns]
};

class ExpertWeights {
 public:
  static Result<ExpertWeights> prepare(Rig& rig, const ExpertsGroup& g, const Plan& plan,
                                       Random& random) {
    ExpertWeights w;
    w.hidden_ = g.hidden;
    w.width_ = g.width;
    std::vector<ExpertMatrices> tensors;
    for (int64_t e = 0; e < g.experts; ++e) {
      tensors.push_back({add(w.gate_, w.width_, w.hidden_, plan.store, random),
                         add(w.up_, w.width_, w.hidden_, plan.store, random),
                         add(w.down_, w.hidden_, w.width_, plan.store, random)});
    }
    const Shape shape{g.experts, w.hidden_, w.width_};
    ERNIE_TRY(w.device_, rig.device().prepare_experts(shape, tensors));
    ERNIE_TRY(w.twin_, rig.twin().prepare_experts(shape, tensors));
    ERNIE_TRY(w.oracle_, rig.oracle().prepare_experts(shape, tensors));
    return w;
  }

  const Operand& device() const { return *device_; }
  const Operand& twin() const { return *twin_; }
  const Operand& oracle() const { return *oracle_; }
  int64_t hidden() const { return hidden_; }
  int64_t width() const { return width_; }
  const double* gate(int32_t e, int64_t row) const { return at(gate_, e, row * hidden_); }
  const double* up(int32_t e, int64_t row) const { return at(up_, e, row * hidden_); }
  const double* down(int32_t e, int64_t row) const { return at(down_, e, row * width_); }

 private:
  ExpertWeights() = default;
  static HostMatrix add(Projection& to, int64_t rows, int64_t columns, DType store,
                        Random& random) {
    std::vector<double> w = make_values(InputClass::kNormal, rows, columns, store, random);
    const double scale = std::exp2(-std::floor(std::log2(static_cast<double>(columns)) / 2));
    for (double& x : w) x *= scale;
    HostMatrix tensor = host_matrix(w, {rows, columns}, store);
    to.of.push_back(std::move(w));
    return tensor;
  }
  static const double* at(const Projection& p, int32_t e, int64_t offset) {
    return &p.of[static_cast<size_t>(e)][static_cast<size_t>(offset)];
  }

  int64_t hidden_ = 0, width_ = 0;
  Projection gate_, up_, down_;
  OperandPtr device_, twin_, oracle_;
};

struct ExpertsInput {
  int64_t tokens = 0, chosen = 0;
  std::vector<double> x;        // [tokens, hidden]
  std::vector<int32_t> ids;     // [tokens, chosen]
  std::vector<double> weights;  // [tokens, chosen]

  ExpertsInput of_tokens(std::span<const int64_t> rows, int64_t hidden) const {
    ExpertsInput some{.tokens = static_cast<int64_t>(rows.size()), .chosen = chosen};
    some.x = rows_of(x, hidden, rows);
    some.weights = rows_of(weights, chosen, rows);
    for (const int64_t row : rows) {
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(row * chosen);
      some.ids.insert(some.ids.end(), begin, begin + static_cast<std::ptrdiff_t>(chosen));
    }
    return some;
  }
};

/// Different experts for each token, in an order that is not ascending.
std::vector<int32_t> choose(const ExpertsGroup& g, Dispatch dispatch, int64_t token,
                            Random& random) {
  std::vector<int32_t> chosen;
  while (static_cast<int64_t>(chosen.size()) < g.chosen) {
    auto id = static_cast<int32_t>(random.below(g.experts));
    if (dispatch == Dispatch::kAllToOne) {
      id = static_cast<int32_t>((g.chosen - 1 - static_cast<int64_t>(chosen.size())) % g.experts);
    } else if (dispatch == Dispatch::kSkewed && random.chance(0.7)) {
      id = static_cast<int32_t>(random.below(std::min<int64_t>(g.experts, g.chosen + 1)));
    } else if (dispatch == Dispatch::kShuffledCounts && chosen.empty()) {
      id = static_cast<int32_t>(token / 16 % g.experts);
    }
    if (std::ranges::find(chosen, id) == chosen.end()) chosen.push_back(id);
  }
  return chosen;
}

ExpertsInput make_input(const ExpertsGroup& g, int64_t tokens, InputClass input, Dispatch dispatch,
                        DType act, Random& random) {
  ExpertsInput in{.tokens = tokens, .chosen = g.chosen};
  in.x = make_values(input, tokens, g.hidden, act, random);
  for (int64_t t = 0; t < tokens; ++t) {
    const std::vector<int32_t> ids = choose(g, dispatch, t, random);
    in.ids.insert(in.ids.end(), ids.begin(), ids.end());
    for (int64_t j = 0; j < g.chosen; ++j) {
      const double weight = random.chance(0.1) ? 1e-6 : random.chance(0.05) ? 0 : random.uniform();
      in.weights.push_back(round_to(DType::kF32, weight));
    }
  }
  return in;
}

Result<std::vector<double>> run(Backend& backend, const Operand& experts, const ExpertsInput& in,
                                int64_t hidden, DType act) {
  ERNIE_TRY(const Array x, upload(backend, in.x, {in.tokens, hidden}, act));
  ERNIE_TRY(const Array ids, upload(backend, in.ids, {in.tokens, in.chosen}));
  ERNIE_TRY(const Array weights, upload(backend, in.weights, {in.tokens, in.chosen}, DType::kF32));
  ERNIE_TRY(const Array out, poisoned(backend, {in.tokens, hidden}, act));
  backend.experts(x.tensor, ids.tensor, weights.tensor, experts, 0, out.tensor);
  return download(backend, out.tensor);
}

struct Dot {
  double value = 0, noise = 0;  // Σ a b and sqrt(Σ (a b)²)
};
Dot dot(const double* a, const double* b, int64_t n) {
  Dot result;
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double product = a[i] * b[i];
    result.value += product;
    squares += product * product;
  }
  result.noise = std::sqrt(squares);
  return result;
}

/// The hidden values of one expert for one token, and what they may be off by.
struct HiddenValues {
  std::vector<double> value, error;
};

HiddenValues hidden_values(const ExpertWeights& w, int32_t expert, const double* x, DType act) {
  const double u_acc = unit_roundoff(DType::kF32), u_mid = unit_roundoff(act);
  const double depth = u_acc * std::sqrt(static_cast<double>(w.hidden()));
  const double floor = half_smallest(DType::kF32) * static_cast<double>(w.hidden() + 1);
  HiddenValues h;
  for (int64_t i = 0; i < w.width(); ++i) {
    const Dot gate = dot(w.gate(expert, i), x, w.hidden());
    const Dot up = dot(w.up(expert, i), x, w.hidden());
    const double sigmoid = 1 / (1 + std::exp(-gate.value));
    const double silu = gate.value * sigmoid;
    const double slope = sigmoid * (1 + gate.value * (1 - sigmoid));
    const auto dot_error = [&](const Dot& d) {
      return u_mid * std::abs(d.value) + depth * std::max(d.noise, std::abs(d.value)) + floor;
    };
    const double value = silu * up.value;
    h.value.push_back(value);
    h.error.push_back(std::abs(slope * up.value) * dot_error(gate) +
                      std::abs(silu) * dot_error(up) + (2 * u_mid + 4 * u_acc) * std::abs(value));
  }
  return h;
}

/// Budgets of the sampled columns of one token.
std::vector<double> token_budgets(const ExpertWeights& w, const ExpertsInput& in,
                                  const std::vector<int64_t>& columns, std::span<const double> want,
                                  DType act) {
  const double u_acc = unit_roundoff(DType::kF32), u_mid = unit_roundoff(act);
  std::vector<double> squares(columns.size()), stored(columns.size());
  for (int64_t j = 0; j < in.chosen; ++j) {
    const int32_t expert = in.ids[static_cast<size_t>(j)];
    const double weight = std::abs(in.weights[static_cast<size_t>(j)]);
    if (weight == 0) continue;
    const HiddenValues h = hidden_values(w, expert, in.x.data(), act);
    for (size_t c = 0; c < columns.size(); ++c) {
      const double* down = w.down(expert, columns[c]);
      const Dot sum = dot(down, h.value.data(), w.width());
      const double carried = dot(down, h.error.data(), w.width()).noise;
      const double summed = u_acc * std::sqrt(static_cast<double>(w.width())) *
                            std::max(sum.noise, std::abs(sum.value));
      squares[c] += weight * weight * (carried * carried + summed * summed);
      // Its own store, its weight's, the product's and the running sum's.
      stored[c] += weight * std::abs(sum.value);
    }
  }
  std::vector<double> budgets;
  for (size_t c = 0; c < columns.size(); ++c) {
    budgets.push_back(unit_roundoff(act) * std::abs(want[c]) + 2 * std::sqrt(squares[c]) +
                      2 * u_mid * stored[c] + 2 * half_smallest(act));
  }
  return budgets;
}

Result<ErrorSummary> compare(const ExpertWeights& w, const ExpertsInput& in, const Plan& plan,
                             Rig& rig, const std::vector<double>& got,
                             const std::vector<int64_t>& sampled,
                             const std::vector<int64_t>& columns) {
  ErrorMeter meter(plan.act);
  for (const int64_t token : sampled) {
    const std::vector<int64_t> row{token};
    const ExpertsInput one = in.of_tokens(row, w.hidden());
    ERNIE_TRY(const std::vector<double> all,
              run(rig.oracle(), w.oracle(), one, w.hidden(), DType::kF64));
    std::vector<double> want;
    for (const int64_t c : columns) want.push_back(all[static_cast<size_t>(c)]);
    const std::vector<double> budgets = token_budgets(w, one, columns, want, plan.act);
    for (size_t c = 0; c < columns.size(); ++c) {
      const int64_t index = token * w.hidden() + columns[c];
      meter.add(index, got[static_cast<size_t>(index)], want[c], budgets[c]);
    }
  }
  return meter.summary();
}

Result<void> run_experts_case(const Plan& plan, const ExpertsGroup& g, const ExpertWeights& w,
                              int64_t tokens, InputClass input, Rig& rig, CaseResult& result) {
  Random random(result.seed);
  const auto dispatch = static_cast<Dispatch>(random.below(4));
  result.input = {std::string(input_class_name(input)),
                  fmt::format("dispatch {}", kDispatchNames[static_cast<size_t>(dispatch)])};
  const ExpertsInput in = make_input(g, tokens, input, dispatch, plan.act, random);
  ERNIE_TRY(const std::vector<double> got, run(rig.device(), w.device(), in, g.hidden, plan.act));
  const bool large = g.hidden * g.width > 100'000;
  const std::vector<int64_t> sampled = sample_indices(tokens, large ? 1 : 3, random);
  const std::vector<int64_t> columns = sample_indices(g.hidden, 32, random);
  result.tolerance =
      plan.act == DType::kBF16 ? Tolerance{.emax = 2.5, .erms = 1.0} : Tolerance{1.5, 0.5};
  ERNIE_TRY(result.error, compare(w, in, plan, rig, got, sampled, columns));
  result.failures =
      failed_checks(result.error, result.tolerance, is_inexact(input) && g.hidden >= 64);
  const std::vector<int64_t> alone{sampled.back()};
  ERNIE_TRY(const std::vector<double> alone_got,
            run(rig.device(), w.device(), in.of_tokens(alone, g.hidden), g.hidden, plan.act));
  if (!same_bits(alone_got, rows_of(got, g.hidden, alone))) {
    result.failures.emplace_back("batch invariance");
  }
  if (tokens % 2 == 1) {
    ERNIE_TRY(const std::vector<double> twin, run(rig.twin(), w.twin(), in, g.hidden, plan.act));
    if (!same_bits(twin, got)) result.failures.emplace_back("threads");
  }
  const bool finite = input == InputClass::kNonfinite ||
                      std::ranges::all_of(got, [](double y) { return std::isfinite(y); });
  if (!finite) result.failures.emplace_back("nonfinite");
  return {};
}

Result<void> run_group(const ExpertsGroup& g, const Plan& plan, Rig& rig, const CaseSink& sink) {
  Random random(g.seed);
  ERNIE_TRY(const ExpertWeights weights, ExpertWeights::prepare(rig, g, plan, random));
  for (const int64_t tokens : g.token_counts) {
    for (const InputClass input : g.inputs) {
      CaseResult result{.op = "experts",
                        .shape = fmt::format("T {}, top {} of {}, H {}, I {} ({})", tokens,
                                             g.chosen, g.experts, g.hidden, g.width, g.name),
                        .seed = random.bits()};
      ERNIE_TRY_VOID(run_experts_case(plan, g, weights, tokens, input, rig, result));
      sink(std::move(result));
    }
  }
  return {};
}

std::vector<ExpertsGroup> make_groups(const Plan& plan) {
  using enum InputClass;
  std::vector<ExpertsGroup> groups;
  const auto add = [&](int64_t experts, int64_t chosen, int64_t hidden, int64_t width,
                       std::vector<int64_t> tokens, std::vector<InputClass> inputs,
                       std::string name) {
    groups.push_back({experts, chosen, hidden, width, std::move(tokens), std::move(inputs),
                      std::move(name), sub_seed(plan.seed, groups.size())});
  };
  const std::vector<InputClass> all{kNormal, kHeavyTail, kOutliers,  kPositive, kInteger,
                                    kSmall,  kSpike,     kSubnormal, kZeros,    kNonfinite};
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      add(9, 3, 64, 48, {1, 5, 20}, {kNormal, kOutliers}, "faults");
      add(5, 2, 33, 17, {7}, {kNormal, kPositive}, "faults");
      break;
    case Suite::kModel:
      // All 64 experts of a layer would take a gigabyte.
      for (const Operation& call : model_calls("experts", 8)) {
        const Shape &ids = call.operands[1].shape, &weights = call.operands[3].shape;
        add(weights[0], ids[1], weights[1], weights[2], {1, 7, 64}, {kNormal, kOutliers},
            "as one of 8 ranks holds them");
      }
      break;
    case Suite::kFull: {
      add(8, kChosenExperts, kHidden, kExpertWidth / 8, {1, 2, 17}, {kNormal, kOutliers},
          "one of 8 ranks' width");
      add(8, kChosenExperts, kHidden, kExpertWidth / 4, {1, 3}, {kNormal}, "one of 4 ranks' width");
      const std::vector<int64_t> tokens{1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 65};
      for (int i = 0; i < 84; ++i) {
        const int64_t widths[] = {24, 17, 48, 5, 33, 64, 96}, sizes[] = {64, 33, 80, 16, 128, 17};
        const int64_t experts = i % 3 == 0 ? 64 : i % 3 == 1 ? 8 : 7;
        add(experts, i % 3 == 0 ? 6 : 1 + i % 7, sizes[i % 6], widths[i % 7], tokens, all, "small");
      }
      break;
    }
  }
  return groups;
}

std::vector<CaseGroup> experts_groups(const Plan& plan) {
  std::vector<CaseGroup> result;
  for (const ExpertsGroup& group : make_groups(plan)) {
    result.push_back({"experts", [group, plan](Rig& rig, const CaseSink& sink) {
                        return run_group(group, plan, rig, sink);
                      }});
  }
  return result;
}

}  // namespace

OperationCases experts_cases() { return {"experts", experts_groups}; }

}  // namespace ernie::verify::ops
