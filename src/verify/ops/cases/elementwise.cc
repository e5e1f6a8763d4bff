// silu_mul against the oracle; add, which is one rounding, bit for bit.

#include <bit>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/row_case.h"

namespace ernie::verify::ops {
namespace {

struct ElementwiseCase {
  int64_t tokens, width;
  InputClass input;
  double scale;
  uint64_t seed;
  bool every_gate = false;  ///< all numbers of bfloat16, `scale` being the other factor of each
};
constexpr int64_t kNumBfloat16 = 65536;

// Below -87 an exponential in float32 may be clamped: silu(x) is then anything up to this.
constexpr double kSiluFloor = 0x1p-118;

/// Row after row all numbers of bfloat16, infinities and NaNs among them.
std::vector<double> every_gate(const ElementwiseCase& c) {
  std::vector<double> both(static_cast<size_t>(c.tokens * 2 * c.width), c.scale);
  for (int64_t i = 0; i < kNumBfloat16; ++i) {
    both[static_cast<size_t>(i / c.width * 2 * c.width + i % c.width)] =
        static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(i) << 16));
  }
  return both;
}

/// Gates over the whole range that matters, with the ends and the special values.
std::vector<double> gate_values(const ElementwiseCase& c, DType act, Random& random) {
  std::vector<double> both = make_values(c.input, c.tokens, 2 * c.width, act, random);
  for (double& x : both) x = round_to(act, x * c.scale);
  if (c.input == InputClass::kSpike) {
    for (int64_t t = 0; t < c.tokens; ++t) {
      for (int64_t i = 0; i < c.width; ++i) {
        both[static_cast<size_t>(t * 2 * c.width + i)] =
            round_to(act, -90.0 + 180.0 * random.uniform());
      }
    }
  }
  return both;
}

Result<void> run_silu_mul(const Plan& plan, const ElementwiseCase& c, Rig& rig,
                          const CaseSink& sink) {
  Random random(c.seed);
  const RowOperation operation{
      2 * c.width, c.width, plan.act, plan.act,
      [](Role, Backend& b, const Tensor& x, const Tensor& y) { b.silu_mul(x, y); }};
  ERNIE_TRY(const RowCase rows,
            RowCase::run(rig, operation,
                         c.every_gate ? every_gate(c) : gate_values(c, plan.act, random)));
  CaseResult result{
      .op = "silu_mul",
      .shape = fmt::format("T {}, I {}", c.tokens, c.width),
      .input = {c.every_gate ? "every bfloat16 gate" : std::string(input_class_name(c.input)),
                fmt::format("{} {}", c.every_gate ? "up" : "scale", c.scale)},
      .seed = c.seed};
  // The units of exponential, sum, quotient and product, then the store; bfloat16 also stores silu.
  result.tolerance = plan.act == DType::kBF16 ? Tolerance{2.5, 1.0} : Tolerance{1.5, 0.5};
  const double unit = unit_roundoff(plan.act) + 4 * unit_roundoff(DType::kF32);
  const std::vector<int64_t> sampled =
      sample_indices(c.tokens, c.every_gate ? c.tokens : 6, random);
  const auto budget = [&](int64_t row, size_t i, double want) {
    const double up = rows.x_row(row)[static_cast<size_t>(c.width) + i];
    return unit * std::abs(want) + kSiluFloor * std::abs(up) +
           half_smallest(plan.act) * (2 + std::abs(up));
  };
  ERNIE_TRY(result.error, compare_rows(rows, operation, sampled, budget));
  result.failures =
      failed_checks(result.error, result.tolerance, is_inexact(c.input) && c.width >= 64);
  if (plan.act == DType::kBF16) {
    const auto stored = [&](int64_t row, size_t i) {
      const double gate = rows.x_row(row)[i];
      const double up = rows.x_row(row)[static_cast<size_t>(c.width) + i];
      return round_to(plan.act, round_to(plan.act, gate / (1 + std::exp(-gate))) * up);
    };
    check_rounding_points(rows, sampled, stored, result.failures);
  }
  ERNIE_TRY_VOID(rows.check_bits(sampled[sampled.size() / 2], c.tokens % 2 == 1, result.failures));
  sink(std::move(result));
  return {};
}

Result<std::vector<double>> add_on(Backend& backend, std::span<const double> x,
                                   std::span<const double> y, const Shape& shape, DType act,
                                   bool in_place) {
  ERNIE_TRY(const Array left, upload(backend, x, shape, act));
  ERNIE_TRY(const Array right, upload(backend, y, shape, act));
  ERNIE_TRY(const Array fresh, poisoned(backend, shape, act));
  const Tensor& out = in_place ? left.tensor : fresh.tensor;
  backend.add(left.tensor, right.tensor, out);
  return download(backend, out);
}

Result<void> run_add(const Plan& plan, const ElementwiseCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const auto values = [&] {
    std::vector<double> x = make_values(c.input, c.tokens, c.width, plan.act, random);
    for (double& v : x) v = round_to(plan.act, v * c.scale);
    return x;
  };
  const std::vector<double> x = values(), y = values();
  const bool in_place = random.chance(0.5);
  ERNIE_TRY(const std::vector<double> got,
            add_on(rig.device(), x, y, {c.tokens, c.width}, plan.act, in_place));
  ERNIE_TRY(const std::vector<double> want,
            add_on(rig.oracle(), x, y, {c.tokens, c.width}, DType::kF64, false));

  CaseResult result{.op = "add",
                    .shape = fmt::format("T {}, H {}", c.tokens, c.width),
                    .input = {std::string(input_class_name(c.input)),
                              fmt::format("scale {}{}", c.scale, in_place ? ", in place" : "")},
                    .seed = c.seed,
                    .tolerance = {0, 0}};
  ErrorMeter meter(plan.act);
  for (size_t i = 0; i < got.size(); ++i) {
    meter.add(static_cast<int64_t>(i), got[i], round_to(plan.act, want[i]), 0);
  }
  result.error = meter.summary();
  result.failures = failed_checks(result.error, result.tolerance, false);
  sink(std::move(result));
  return {};
}

/// The output is the last operand but for a sum in place, which has the same width.
std::vector<int64_t> model_widths(std::string_view op) {
  std::vector<int64_t> widths;
  for (const Operation& call : model_calls(op)) widths.push_back(call.operands.back().shape[1]);
  for (const int64_t more : {kExpertWidth, kSharedWidth}) {
    if (std::ranges::find(widths, more) == widths.end()) widths.push_back(more);
  }
  return widths;
}

std::vector<ElementwiseCase> make_cases(const Plan& plan, std::string_view op) {
  using enum InputClass;
  std::vector<ElementwiseCase> cases;
  const auto add = [&](int64_t tokens, int64_t width, InputClass input, double scale) {
    cases.push_back({tokens, width, input, scale, sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      for (const InputClass input : {kNormal, kSpike, kLarge}) {
        for (const double scale : {1.0, 5.0}) add(3, 200, input, input == kLarge ? 1e-3 : scale);
      }
      break;
    case Suite::kModel:
      for (const int64_t width : model_widths(op)) {
        for (const InputClass input : {kNormal, kOutliers, kSpike}) {
          add(1, width, input, 1);
          add(64, width, input, 3);
        }
      }
      break;
    case Suite::kFull: {
      constexpr InputClass kInputs[] = {kNormal, kHeavyTail, kOutliers,  kPositive, kInteger,
                                        kSmall,  kSpike,     kSubnormal, kZeros,    kNonfinite};
      std::vector<int64_t> widths = model_widths(op);
      for (const int64_t more : {768, 384, 192, 1, 5, 17, 63, 100, 333}) widths.push_back(more);
      for (const int64_t tokens : {1, 2, 3, 7, 8, 16, 17, 33, 65, 129}) {
        for (const InputClass input : kInputs) {
          for (const int64_t width : widths) {
            // The wide ones for few tokens only: an element is like any other.
            const int64_t rows = width > 1000 && tokens > 8 ? tokens % 4 + 1 : tokens;
            for (const double scale : {1.0, 0.001, 0.01, 0.1, 0.3, 2.0, 4.0, 8.0, 20.0}) {
              add(rows, width, input, scale);
            }
          }
        }
      }
      break;
    }
  }
  return cases;
}

std::vector<CaseGroup> silu_mul_groups(const Plan& plan) {
  std::vector<ElementwiseCase> cases = make_cases(plan, "silu_mul");
  if (plan.suite == Suite::kModel || plan.suite == Suite::kFull) {
    constexpr int64_t kWidth = 1024;
    for (const double up : {1.0, -0.5, 0x1.8p-7}) {
      cases.push_back({kNumBfloat16 / kWidth, kWidth, InputClass::kNonfinite, up,
                       sub_seed(plan.seed, cases.size()), true});
    }
  }
  return grouped<ElementwiseCase>("silu_mul", cases, plan, run_silu_mul);
}

std::vector<CaseGroup> add_groups(const Plan& plan) {
  return grouped<ElementwiseCase>("add", make_cases(plan, "add"), plan, run_add);
}

}  // namespace

OperationCases silu_mul_cases() { return {"silu_mul", silu_mul_groups}; }
OperationCases add_cases() { return {"add", add_groups}; }

}  // namespace ernie::verify::ops
