// rms_norm: every element of the sampled rows. In float32 the elements of a row share the error of
// their scale, and bfloat16 inputs have few significands, each with its own error: gain and bias
// are not tested. add_rms_norm is held against the bits of what it composes.

#include <cmath>

#include "verify/ops/fused_case.h"
#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/row_case.h"

namespace ernie::verify::ops {
namespace {

constexpr float kEpsilons[] = {kNormEps, 1e-6f, 1e-3f};

struct RmsNormCase {
  int64_t tokens, width;
  InputClass input;
  double scale;  // of the input: at 3e-3 the epsilon counts
  float eps;
  uint64_t seed;
};

Result<void> run_case(const Plan& plan, const RmsNormCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const std::vector<double> weight =
      make_values(InputClass::kNormal, 1, c.width, plan.store, random);
  const HostMatrix tensor = host_matrix(weight, {c.width}, plan.store);
  OperandPtr operands[3];
  for (const Role role : {Role::kDevice, Role::kTwin, Role::kOracle}) {
    ERNIE_TRY(operands[static_cast<size_t>(role)],
              rig.of(role).prepare_vector(tensor, VectorUse::kNorm));
  }
  const RowOperation operation{c.width, c.width, plan.act, plan.act,
                               [&](Role role, Backend& backend, const Tensor& x, const Tensor& y) {
                                 backend.rms_norm(x, *operands[static_cast<size_t>(role)], c.eps,
                                                  y);
                               }};
  std::vector<double> x = make_values(c.input, c.tokens, c.width, plan.act, random);
  for (double& v : x) v = round_to(plan.act, v * c.scale);
  ERNIE_TRY(const RowCase rows, RowCase::run(rig, operation, std::move(x)));

  CaseResult result{.op = "rms_norm",
                    .shape = fmt::format("T {}, H {}", c.tokens, c.width),
                    .input = {std::string(input_class_name(c.input)),
                              fmt::format("scale {}, eps {}", c.scale, c.eps)},
                    .seed = c.seed};
  result.tolerance = plan.act == DType::kBF16 ? Tolerance{2.5, 1.0} : Tolerance{2, 0.5};
  const double u_acc = unit_roundoff(DType::kF32) * std::sqrt(static_cast<double>(c.width) + 8);
  const double floor = half_smallest(plan.act);
  const std::vector<int64_t> sampled = sample_indices(c.tokens, 6, random);
  const auto budget = [&](int64_t, size_t column, double want) {
    return (unit_roundoff(plan.act) + u_acc) * std::abs(want) +
           floor * (2 + std::abs(weight[column]));
  };
  ERNIE_TRY(result.error, compare_rows(rows, operation, sampled, budget));
  result.failures =
      failed_checks(result.error, result.tolerance, is_inexact(c.input) && c.width >= 64);
  if (plan.act == DType::kBF16) {
    const auto scale_of = [&](int64_t row) {
      double squares = 0;
      for (const double v : rows.x_row(row)) squares += v * v;
      return 1 / std::sqrt(squares / static_cast<double>(c.width) + static_cast<double>(c.eps));
    };
    std::vector<double> scales(static_cast<size_t>(c.tokens));
    for (const int64_t row : sampled) scales[static_cast<size_t>(row)] = scale_of(row);
    const auto stored = [&](int64_t row, size_t column) {
      const double normed = rows.x_row(row)[column] * scales[static_cast<size_t>(row)];
      return round_to(plan.act, round_to(plan.act, normed) * weight[column]);
    };
    check_rounding_points(rows, sampled, stored, result.failures);
  }
  ERNIE_TRY_VOID(rows.check_bits(sampled[sampled.size() / 2], c.tokens % 2 == 1, result.failures));
  sink(std::move(result));
  return {};
}

std::vector<RmsNormCase> make_cases(const Plan& plan) {
  using enum InputClass;
  std::vector<RmsNormCase> cases;
  const auto add = [&](int64_t tokens, int64_t width, InputClass input, double scale, float eps) {
    cases.push_back({tokens, width, input, scale, eps, sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      for (const Operation& check : published_checks("rms_norm")) {
        const Shape& x = check.operands[0].shape;
        add(x[0], x[1], kNormal, 1, kNormEps);
      }
      break;
    case Suite::kFaults:
      for (const double scale : {1.0, 3e-3, 30.0}) {
        for (const InputClass input : {kNormal, kOutliers, kPositive}) {
          add(3, 320, input, scale, kNormEps);
        }
      }
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("rms_norm")) {
        const int64_t width = call.operands[0].shape[1];
        for (const int64_t tokens : {1, 17, 512}) {
          for (const InputClass input : {kNormal, kOutliers, kSpike, kZeros}) {
            add(tokens, width, input, 1, kNormEps);
            add(tokens, width, input, 3e-3, kNormEps);
          }
        }
      }
      break;
    case Suite::kFull: {
      constexpr InputClass kInputs[] = {kNormal,  kHeavyTail, kOutliers, kPositive,
                                        kInteger, kSmall,     kLarge,    kSpike,
                                        kZeros,   kSubnormal, kNonfinite};
      constexpr double kScales[] = {1, 3e-3, 1e-6, 1e4};
      constexpr int64_t kWidths[] = {kHidden, 1, 7, 16, 31, 64, 127, 1536, 2559, 320};
      Random random(sub_seed(plan.seed, 1));
      for (const int64_t tokens : {1, 2, 3, 7, 15, 16, 17, 33, 64, 129, 1000}) {
        for (const InputClass input : kInputs) {
          for (const double scale : kScales) {
            add(tokens, kHidden, input, scale, kNormEps);
            for (int i = 0; i < 20; ++i) {
              const int64_t width = kWidths[random.below(10)];
              add(tokens > 64 ? 5 : tokens, width, input, scale, kEpsilons[random.below(3)]);
            }
          }
        }
      }
      break;
    }
  }
  return cases;
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

std::vector<CaseGroup> rms_norm_groups(const Plan& plan) {
  return grouped<RmsNormCase>("rms_norm", make_cases(plan), plan, run_case);
}

std::vector<CaseGroup> add_rms_norm_groups(const Plan& plan) {
  return grouped<FusedCase>("add_rms_norm", fused_cases(plan), plan, run_add_rms_norm);
}

}  // namespace

OperationCases norm_cases() { return {"rms_norm", rms_norm_groups}; }
OperationCases add_norm_cases() { return {"add_rms_norm", add_rms_norm_groups}; }

}  // namespace ernie::verify::ops
