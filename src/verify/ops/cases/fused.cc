// gate_up_silu and moe against what they compose.

#include <cmath>

#include "verify/ops/fused_case.h"

namespace ernie::verify::ops {
namespace {

/// Normal values of about the size that keeps outputs at the size of the inputs.
HostMatrix random_weight(int64_t rows, int64_t columns, DType store, Random& random) {
  std::vector<double> values = make_values(InputClass::kNormal, rows, columns, store, random);
  const double scale = std::exp2(-std::floor(std::log2(static_cast<double>(columns)) / 2));
  for (double& v : values) v *= scale;
  return host_matrix(values, {rows, columns}, store);
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

std::vector<CaseGroup> gate_up_silu_groups(const Plan& plan) {
  return grouped<FusedCase>("gate_up_silu", fused_cases(plan), plan, run_gate_up_silu);
}

std::vector<CaseGroup> moe_groups(const Plan& plan) {
  return grouped<FusedCase>("moe", fused_cases(plan), plan, run_moe);
}

}  // namespace

OperationCases gate_up_silu_cases() { return {"gate_up_silu", gate_up_silu_groups}; }
OperationCases moe_cases() { return {"moe", moe_groups}; }

}  // namespace ernie::verify::ops
