// rope_table against the specification's float32 angles; rope with the device's own table.

#include <algorithm>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/row_case.h"

namespace ernie::verify::ops {
namespace {

struct RopeCase {
  QkvLayout layout;
  std::vector<int32_t> positions;
  std::string_view positions_name;
  double theta;
  InputClass input;
  uint64_t seed;
};

Result<Array> make_table(Backend& backend, const std::vector<int32_t>& positions, double theta,
                         int64_t head_dim) {
  const auto count = static_cast<int64_t>(positions.size());
  ERNIE_TRY(const Array ids, upload(backend, positions, {count}));
  ERNIE_TRY(Array table, poisoned(backend, {count, head_dim / 2, 2}, DType::kF32));
  backend.rope_table(ids.tensor, theta, table.tensor);
  return table;
}

CaseResult describe(std::string_view op, const RopeCase& c) {
  return {.op = op,
          .shape = fmt::format("T {}, heads {}+{}, dim {}", c.positions.size(), c.layout.num_heads,
                               c.layout.num_kv_heads, c.layout.head_dim),
          .input = {std::string(input_class_name(c.input)),
                    fmt::format("positions {}, theta {}", c.positions_name, c.theta)},
          .seed = c.seed};
}

Result<void> run_rope_table(const Plan&, const RopeCase& c, Rig& rig, const CaseSink& sink) {
  const int64_t dim = c.layout.head_dim;
  ERNIE_TRY(const Array table, make_table(rig.device(), c.positions, c.theta, dim));
  ERNIE_TRY(const std::vector<double> got, download(rig.device(), table.tensor));
  ERNIE_TRY(const Array oracle_table, make_table(rig.oracle(), c.positions, c.theta, dim));
  ERNIE_TRY(const std::vector<double> want, download(rig.oracle(), oracle_table.tensor));
  CaseResult result = describe("rope_table", c);
  // Two units: sine and cosine of a library for float32 may be off by that much.
  result.tolerance = {.emax = 1, .erms = 0.5};
  ErrorMeter meter(DType::kF32);
  for (size_t i = 0; i < got.size(); ++i) {
    meter.add(static_cast<int64_t>(i), got[i], want[i],
              4 * unit_roundoff(DType::kF32) * std::abs(want[i]) + 0x1p-30);
  }
  result.error = meter.summary();
  result.failures = failed_checks(result.error, result.tolerance, false);
  sink(std::move(result));
  return {};
}

Result<std::vector<double>> run_rope(Backend& backend, const RopeCase& c,
                                     std::span<const double> qkv,
                                     const std::vector<int32_t>& positions, DType act) {
  ERNIE_TRY(const Array table, make_table(backend, positions, c.theta, c.layout.head_dim));
  ERNIE_TRY(
      const Array rows,
      upload(backend, qkv, {static_cast<int64_t>(positions.size()), c.layout.row_size()}, act));
  backend.rope(rows.tensor, c.layout, table.tensor);
  return download(backend, rows.tensor);
}

ErrorSummary compare_rotation(const RopeCase& c, const std::vector<double>& qkv,
                              const std::vector<double>& got, const std::vector<double>& want,
                              DType act) {
  ErrorMeter meter(act);
  const auto width = static_cast<size_t>(c.layout.row_size());
  for (size_t i = 0; i < got.size(); ++i) {
    const bool rotated = static_cast<int64_t>(i % width) < c.layout.value_offset();
    // A value head must come out as it went in.
    const double size = rotated ? std::abs(qkv[i]) + std::abs(qkv[i ^ 1]) : 0;
    const double budget = rotated
                              ? unit_roundoff(act) * std::abs(want[i]) +
                                    4 * unit_roundoff(DType::kF32) * size + 4 * half_smallest(act)
                              : 0;
    meter.add(static_cast<int64_t>(i), got[i], want[i], budget);
  }
  return meter.summary();
}

Result<void> run_rope_case(const Plan& plan, const RopeCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const auto tokens = static_cast<int64_t>(c.positions.size());
  const int64_t width = c.layout.row_size();
  const std::vector<double> qkv = make_values(c.input, tokens, width, plan.act, random);
  ERNIE_TRY(const std::vector<double> got, run_rope(rig.device(), c, qkv, c.positions, plan.act));
  ERNIE_TRY(const std::vector<double> want,
            run_rope(rig.oracle(), c, qkv, c.positions, DType::kF64));
  CaseResult result = describe("rope", c);
  result.tolerance = {.emax = 1.5, .erms = 0.75};
  result.error = compare_rotation(c, qkv, got, want, plan.act);
  const bool turned = std::ranges::any_of(c.positions, [](int32_t p) { return p != 0; });
  result.failures =
      failed_checks(result.error, result.tolerance, turned && is_inexact(c.input) && width >= 64);
  const int64_t row = random.below(tokens);
  const std::vector<int64_t> one{row};
  const std::vector<int32_t> position{c.positions[static_cast<size_t>(row)]};
  ERNIE_TRY(const std::vector<double> alone,
            run_rope(rig.device(), c, rows_of(qkv, width, one), position, plan.act));
  if (!same_bits(alone, rows_of(got, width, one))) {
    result.failures.emplace_back("batch invariance");
  }
  if (tokens % 2 == 1) {
    ERNIE_TRY(const std::vector<double> twin, run_rope(rig.twin(), c, qkv, c.positions, plan.act));
    if (!same_bits(twin, got)) result.failures.emplace_back("threads");
  }
  sink(std::move(result));
  return {};
}

struct Positions {
  std::string_view name;
  std::vector<int32_t> values;
};

std::vector<int32_t> random_positions(int64_t count, Random& random) {
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < count; ++i) {
    positions.push_back(static_cast<int32_t>(random.below(kMaxPosition)));
  }
  return positions;
}

std::vector<Positions> make_positions(Random& random) {
  std::vector<int32_t> from_0, from_4090, mixed{5, 100000, 0, 17, 131071, 17};
  for (int32_t i = 0; i < 19; ++i) from_0.push_back(i);
  for (int32_t i = 0; i < 33; ++i) from_4090.push_back(4090 + i);
  return {{"0", {0}},
          {"1", {1}},
          {"corners", {0, 1, 2, 17, 4095, 32767, 131070, 131071}},
          {"0 to 18", from_0},
          {"4090 to 4122", from_4090},
          {"mixed", mixed},
          {"last", {131071}},
          {"random", random_positions(1 + random.below(24), random)}};
}

std::vector<RopeCase> make_cases(const Plan& plan) {
  using enum InputClass;
  std::vector<RopeCase> cases;
  Random random(sub_seed(plan.seed, 3));
  const QkvLayout model = layout_of(model_calls("store_kv").front());
  const auto add = [&](const QkvLayout& layout, const Positions& positions, double theta,
                       InputClass input) {
    cases.push_back({layout, positions.values, positions.name, theta, input,
                     sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      for (const Positions& positions : make_positions(random)) {
        if (positions.values.size() > 1) add({3, 1, kHeadDim}, positions, kRopeTheta, kNormal);
      }
      break;
    case Suite::kModel:
      for (const Positions& positions : make_positions(random)) {
        add(model, positions, kRopeTheta, kNormal);
        add(model, positions, kRopeTheta, kOutliers);
      }
      break;
    case Suite::kFull: {
      const QkvLayout layouts[] = {model,       {10, 2, 128}, {5, 1, 128}, {3, 1, 128},
                                   {2, 1, 128}, {4, 2, 16},   {1, 1, 2},   {5, 1, 10}};
      constexpr InputClass kInputs[] = {kNormal,    kHeavyTail, kOutliers, kSmall,     kLarge,
                                        kSubnormal, kZeros,     kInteger,  kNonfinite, kPositive};
      for (int round = 0; round < 8; ++round) {
        for (const QkvLayout& layout : layouts) {
          for (const Positions& positions : make_positions(random)) {
            for (const InputClass input : kInputs) add(layout, positions, kRopeTheta, input);
          }
        }
      }
      for (int i = 0; i < 4900; ++i) {
        const double theta = i % 3 == 0 ? 10000 : kRopeTheta;
        add(layouts[2 + i % 6], {"random", random_positions(1 + i % 9, random)}, theta, kNormal);
      }
      break;
    }
  }
  return cases;
}

std::vector<CaseGroup> rope_table_groups(const Plan& plan) {
  return grouped<RopeCase>("rope_table", make_cases(plan), plan, run_rope_table);
}

std::vector<CaseGroup> rope_groups(const Plan& plan) {
  return grouped<RopeCase>("rope", make_cases(plan), plan, run_rope_case);
}

}  // namespace

OperationCases rope_table_cases() { return {"rope_table", rope_table_groups}; }
OperationCases rope_cases() { return {"rope", rope_groups}; }

}  // namespace ernie::verify::ops
