#include "verify/ops/fused_case.h"

#include "verify/ops/model_shapes.h"

namespace ernie::verify::ops {

CaseResult describe(std::string_view op, const FusedCase& c, const std::string& shape) {
  return {.op = op,
          .shape = shape,
          .input = {std::string(input_class_name(c.input)), ""},
          .seed = c.seed,
          .tolerance = {0, 0}};
}

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

Result<OperandPtr> random_vector(Backend& device, int64_t size, DType store, VectorUse use,
                                 Random& random) {
  const std::vector<double> values = make_values(InputClass::kNormal, 1, size, store, random);
  return device.prepare_vector(host_matrix(values, {size}, store), use);
}

std::vector<FusedCase> fused_cases(const Plan& plan) {
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
      for (const Operation& call : model_calls("add")) {
        const int64_t hidden = call.operands[0].shape[1];
        for (const int64_t tokens : {1, 17}) {
          add(tokens, hidden, kExpertWidth / 8, kNormal);
          add(tokens, hidden, 16, kOutliers);
        }
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

}  // namespace ernie::verify::ops
