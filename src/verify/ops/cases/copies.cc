// embed and gather_rows copy: bit for bit.

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/row_case.h"

namespace ernie::verify::ops {
namespace {

struct CopyCase {
  int64_t count;  // rows copied
  int64_t rows;   // of the source
  int64_t columns;
  InputClass input;
  uint64_t seed;
};

/// Both ends, repetitions, and random ones between.
std::vector<int32_t> random_rows(const CopyCase& c, Random& random) {
  std::vector<int32_t> rows;
  for (int64_t i = 0; i < c.count; ++i) {
    rows.push_back(static_cast<int32_t>(random.below(c.rows)));
  }
  rows[0] = static_cast<int32_t>(c.rows - 1);
  rows[rows.size() / 2] = 0;
  if (rows.size() > 3) rows[rows.size() - 1] = rows[0];
  return rows;
}

void compare_copy(const std::vector<double>& got, const std::vector<double>& source,
                  const std::vector<int32_t>& rows, const Plan& plan, CaseResult& result) {
  ErrorMeter meter(plan.act);
  const size_t columns = got.size() / rows.size();
  for (size_t i = 0; i < got.size(); ++i) {
    const size_t row = static_cast<size_t>(rows[i / columns]);
    meter.add(static_cast<int64_t>(i), got[i],
              round_to(plan.act, source[row * columns + i % columns]), 0);
  }
  result.tolerance = {0, 0};
  result.error = meter.summary();
  result.failures = failed_checks(result.error, result.tolerance, false);
}

CaseResult describe(std::string_view op, const CopyCase& c) {
  return {.op = op,
          .shape = fmt::format("{} of [{}, {}]", c.count, c.rows, c.columns),
          .input = {std::string(input_class_name(c.input)), ""},
          .seed = c.seed};
}

Result<void> run_embed(const Plan& plan, const CopyCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const std::vector<double> table = make_values(c.input, c.rows, c.columns, plan.store, random);
  const std::vector<int32_t> ids = random_rows(c, random);
  const HostMatrix tensor = host_matrix(table, {c.rows, c.columns}, plan.store);
  ERNIE_TRY(const OperandPtr operand,
            rig.device().prepare_matrix({&tensor, 1}, MatrixUse::kEmbedding));
  ERNIE_TRY(const Array id_array, upload(rig.device(), ids, {c.count}));
  ERNIE_TRY(const Array out, poisoned(rig.device(), {c.count, c.columns}, plan.act));
  rig.device().embed(id_array.tensor, *operand, 0, out.tensor);
  ERNIE_TRY(const std::vector<double> got, download(rig.device(), out.tensor));
  CaseResult result = describe("embed", c);
  compare_copy(got, table, ids, plan, result);
  sink(std::move(result));
  return {};
}

Result<void> run_gather_rows(const Plan& plan, const CopyCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const std::vector<double> x = make_values(c.input, c.rows, c.columns, plan.act, random);
  const std::vector<int32_t> rows = random_rows(c, random);
  ERNIE_TRY(const Array source, upload(rig.device(), x, {c.rows, c.columns}, plan.act));
  ERNIE_TRY(const Array row_array, upload(rig.device(), rows, {c.count}));
  ERNIE_TRY(const Array out, poisoned(rig.device(), {c.count, c.columns}, plan.act));
  rig.device().gather_rows(source.tensor, row_array.tensor, out.tensor);
  ERNIE_TRY(const std::vector<double> got, download(rig.device(), out.tensor));
  CaseResult result = describe("gather_rows", c);
  compare_copy(got, x, rows, plan, result);
  sink(std::move(result));
  return {};
}

std::vector<CopyCase> make_cases(const Plan& plan, bool is_embed) {
  using enum InputClass;
  std::vector<CopyCase> cases;
  const auto add = [&](int64_t count, int64_t rows, int64_t columns, InputClass input) {
    cases.push_back({count, rows, columns, input, sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      add(7, 50, 33, kNormal);
      add(1, 3, 16, kNormal);
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("embed")) {
        // Not the whole table: one with all rows, and one with all columns.
        if (is_embed) add(17, call.operands[1].shape[0], 64, kNormal);
        if (is_embed) add(17, 4096, call.operands[1].shape[1], kNormal);
      }
      for (const Operation& call : model_calls("gather_rows")) {
        if (!is_embed) add(64, 512, call.operands[0].shape[1], kNormal);
      }
      break;
    case Suite::kFull:
      for (const int64_t count : {1, 2, 3, 4, 7, 16, 17, 33, 65, 129}) {
        for (const int64_t rows : {1, 2, 5, 64, 100}) {
          for (const int64_t columns : {1, 3, 16, 17, 65, 128, 640}) {
            for (const InputClass input : {kNormal, kHeavyTail, kLarge, kSmall, kSubnormal,
                                           kNonfinite, kZeros, kInteger, kOutliers, kPositive}) {
              add(count, rows, columns, input);
              if (input == kNormal) add(count, rows, columns == 640 ? kHidden : columns, input);
            }
          }
        }
      }
      for (int i = 0; i < 6200; ++i) add(1 + i % 40, 1 + i % 97, 1 + i % 131, kNormal);
      break;
  }
  return cases;
}

std::vector<CaseGroup> embed_groups(const Plan& plan) {
  return grouped<CopyCase>("embed", make_cases(plan, true), plan, run_embed);
}

std::vector<CaseGroup> gather_rows_groups(const Plan& plan) {
  return grouped<CopyCase>("gather_rows", make_cases(plan, false), plan, run_gather_rows);
}

}  // namespace

OperationCases embed_cases() { return {"embed", embed_groups}; }
OperationCases gather_rows_cases() { return {"gather_rows", gather_rows_groups}; }

}  // namespace ernie::verify::ops
