// Fused operations give the bits of what they compose, on the same device, in everything that they
// write. Whether the composed operations are right is said by their own cases.

#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

struct FusedCase {
  int64_t tokens, hidden, width;
  InputClass input;
  uint64_t seed;
};

CaseResult describe(std::string_view op, const FusedCase& c, const std::string& shape) {
  return {.op = op,
          .shape = shape,
          .input = {std::string(input_class_name(c.input)), ""},
          .seed = c.seed,
          .tolerance = {0, 0}};
}

/// Adds `name` to the failures if the two tensors of the device differ in a bit.
Result<void> compare_bits(Backend& device, const Array& fused, const Array& composed,
                          const char* name, CaseResult& result) {
  ERNIE_TRY(const std::vector<double> got, download(device, fused.tensor));
  ERNIE_TRY(const std::vector<double> want, download(device, composed.tensor));
  if (!same_bits(got, want)) result.failures.emplace_back(name);
  return {};
}

Result<Array> random_rows(Rig& rig, const Plan& plan, const FusedCase& c, int64_t columns,
                          Random& random) {
  const std::vector<double> values = make_values(c.input, c.tokens, columns, plan.act, random);
  return upload(rig.device(), values, {c.tokens, columns}, plan.act);
}

/// Normal values of about the size that keeps outputs at the size of the inputs.
HostMatrix random_weight(int64_t rows, int64_t columns, DType store, Random& random) {
  std::vector<double> values = make_values(InputClass::kNormal, rows, columns, store, random);
  const double scale = std::exp2(-std::floor(std::log2(static_cast<double>(columns)) / 2));
  for (double& v : values) v *= scale;
  return host_matrix(values, {rows, columns}, store);
}

Result<OperandPtr> random_vector(Backend& device, int64_t size, DType store, VectorUse use,
                                 Random& random) {
  const std::vector<double> values = make_values(InputClass::kNormal, 1, size, store, random);
  return device.prepare_vector(host_matrix(values, {size}, store), use);
}

Result<void> run_add_rms_norm(const Plan& plan, const FusedCase& c, Rig& rig,
                              const CaseSink& sink) {
  Backend& device = rig.device();
  Random random(c.seed);
  ERNIE_TRY(const OperandPtr weight,
            random_vector(device, c.hidden, plan.store, VectorUse::kNorm, random));
  const std::vector<double> x = make_values(c.input, c.tokens, c.hidden, plan.act, random);
  const Shape shape{c.tokens, c.hidden};
  ERNIE_TRY(const Array fused_x, upload(device, x, shape, plan.act));
  ERNIE_TRY(const Array composed_x, upload(device, x, shape, plan.act));
  ERNIE_TRY(const Array y, random_rows(rig, plan, c, c.hidden, random));
  ERNIE_TRY(const Array fused, poisoned(device, shape, plan.act));
  ERNIE_TRY(const Array composed, poisoned(device, shape, plan.act));
  device.add_rms_norm(fused_x.tensor, y.tensor, *weight, kNormEps, fused.tensor);
  device.add(composed_x.tensor, y.tensor, composed_x.tensor);
  device.rms_norm(composed_x.tensor, *weight, kNormEps, composed.tensor);
  CaseResult result = describe("add_rms_norm", c, fmt::format("T {}, H {}", c.tokens, c.hidden));
  ERNIE_TRY_VOID(compare_bits(device, fused_x, composed_x, "sum", result));
  ERNIE_TRY_VOID(compare_bits(device, fused, composed, "bits of the composition", result));
  sink(std::move(result));
  return {};
}

Result<void> run_gate_up_silu(const Plan& plan, const FusedCase& c, Rig& rig,
                              const CaseSink& sink) {
  Backend& device = rig.device();
  Random random(c.seed);
  const HostMatrix matrix = random_weight(2 * c.width, c.hidden, plan.store, random);
  ERNIE_TRY(const OperandPtr weight, device.prepare_matrix({&matrix, 1}, MatrixUse::kLinear));
  ERNIE_TRY(const Array x, random_rows(rig, plan, c, c.hidden, random));
  ERNIE_TRY(const Array scratch, poisoned(device, {c.tokens, 2 * c.width}, plan.act));
  ERNIE_TRY(const Array fused, poisoned(device, {c.tokens, c.width}, plan.act));
  ERNIE_TRY(const Array composed, poisoned(device, {c.tokens, c.width}, plan.act));
  device.gate_up_silu(x.tensor, *weight, scratch.tensor, fused.tensor);
  device.linear(x.tensor, *weight, scratch.tensor);
  device.silu_mul(scratch.tensor, composed.tensor);
  CaseResult result =
      describe("gate_up_silu", c, fmt::format("T {}, H {}, I {}", c.tokens, c.hidden, c.width));
  ERNIE_TRY_VOID(compare_bits(device, fused, composed, "bits of the composition", result));
  sink(std::move(result));
  return {};
}

/// The weights of a mixture with 1 to 64 experts, and room for what lies between.
struct Mixture {
  OperandPtr router, bias, experts;
  Array logits, ids, weights;

  MoeOperands operands() const {
    return {.router = *router, .bias = *bias, .experts = *experts, .norm_min = 1e-12f};
  }
  MoeScratch scratch() const { return {logits.tensor, ids.tensor, weights.tensor}; }
};

Result<Mixture> make_mixture(const Plan& plan, const FusedCase& c, int64_t num_experts,
                             int64_t chosen, Backend& device, Random& random) {
  Mixture m;
  const HostMatrix router = random_weight(num_experts, c.hidden, DType::kF32, random);
  ERNIE_TRY(m.router, device.prepare_matrix({&router, 1}, MatrixUse::kRouter));
  ERNIE_TRY(m.bias,
            random_vector(device, num_experts, DType::kF32, VectorUse::kRouterBias, random));
  std::vector<ExpertMatrices> experts;
  for (int64_t e = 0; e < num_experts; ++e) {
    experts.push_back({random_weight(c.width, c.hidden, plan.store, random),
                       random_weight(c.width, c.hidden, plan.store, random),
                       random_weight(c.hidden, c.width, plan.store, random)});
  }
  ERNIE_TRY(m.experts, device.prepare_experts({num_experts, c.hidden, c.width}, experts));
  ERNIE_TRY(m.logits, poisoned(device, {c.tokens, num_experts}, DType::kF32));
  ERNIE_TRY(m.ids, poisoned(device, {c.tokens, chosen}, DType::kI32));
  ERNIE_TRY(m.weights, poisoned(device, {c.tokens, chosen}, DType::kF32));
  return m;
}

Result<void> run_moe(const Plan& plan, const FusedCase& c, Rig& rig, const CaseSink& sink) {
  Backend& device = rig.device();
  Random random(c.seed);
  const int64_t num_experts = 3 + random.below(8), chosen = 1 + random.below(3);
  ERNIE_TRY(const Mixture m, make_mixture(plan, c, num_experts, chosen, device, random));
  ERNIE_TRY(const Array x, random_rows(rig, plan, c, c.hidden, random));
  ERNIE_TRY(const Array fused, poisoned(device, {c.tokens, c.hidden}, plan.act));
  ERNIE_TRY(const Array composed, poisoned(device, {c.tokens, c.hidden}, plan.act));
  device.moe(x.tensor, m.operands(), m.scratch(), fused.tensor);
  device.linear(x.tensor, *m.router, m.logits.tensor);
  device.route(m.logits.tensor, *m.bias, m.operands().norm_min, m.ids.tensor, m.weights.tensor);
  device.experts(x.tensor, m.ids.tensor, m.weights.tensor, *m.experts, 0, composed.tensor);
  CaseResult result = describe("moe", c,
                               fmt::format("T {}, H {}, I {}, top {} of {}", c.tokens, c.hidden,
                                           c.width, chosen, num_experts));
  ERNIE_TRY_VOID(compare_bits(device, fused, composed, "bits of the composition", result));
  sink(std::move(result));
  return {};
}

std::vector<FusedCase> make_cases(const Plan& plan) {
  using enum InputClass;
  std::vector<FusedCase> cases;
  const auto add = [&](int64_t tokens, int64_t hidden, int64_t width, InputClass input) {
    cases.push_back({tokens, hidden, width, input, sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      for (const InputClass input : {kNormal, kOutliers}) {
        for (const int64_t tokens : {1, 5}) add(tokens, 96, 40, input);
      }
      break;
    case Suite::kModel:
      for (const int64_t tokens : {1, 17}) {
        add(tokens, kHidden, kExpertWidth / 8, kNormal);
        add(tokens, kHidden, 16, kOutliers);
      }
      break;
    case Suite::kFull: {
      constexpr InputClass kInputs[] = {kNormal, kHeavyTail, kOutliers, kPositive, kCancellation,
                                        kSmall,  kLarge,     kSpike,    kZeros,    kInteger};
      Random random(sub_seed(plan.seed, 1));
      for (int i = 0; i < 10'000; ++i) {
        add(1 + random.below(9), 1 + random.below(70), 1 + random.below(40), kInputs[i % 10]);
      }
      break;
    }
  }
  return cases;
}

}  // namespace

std::vector<CaseGroup> add_rms_norm_groups(const Plan& plan) {
  return grouped<FusedCase>("add_rms_norm", make_cases(plan), plan, run_add_rms_norm);
}

std::vector<CaseGroup> gate_up_silu_groups(const Plan& plan) {
  return grouped<FusedCase>("gate_up_silu", make_cases(plan), plan, run_gate_up_silu);
}

std::vector<CaseGroup> moe_groups(const Plan& plan) {
  return grouped<FusedCase>("moe", make_cases(plan), plan, run_moe);
}

}  // namespace ernie::verify::ops
