// argmax: the ids that a plain scan in double finds, of rows with ties, zeros of both signs,
// infinities and NaN in every place of a vector.

#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

enum class Row { kRandom, kTies, kZeros, kMinusInfinities, kNan, kInfinity, kNothing };
constexpr int64_t kNumRowKinds = 7;

struct ArgmaxCase {
  int64_t rows, vocabulary;
  uint64_t seed;
};

void write_row(Row kind, std::span<double> row, DType act, Random& random) {
  const auto size = static_cast<int64_t>(row.size());
  const auto any = [&] { return static_cast<size_t>(random.below(size)); };
  for (double& x : row) x = round_to(act, 4 * random.normal());
  switch (kind) {
    case Row::kRandom:
      break;
    case Row::kTies:
      for (int i = 0; i < 3; ++i) row[any()] = 64;
      break;
    case Row::kZeros:  // equal, whatever their sign
      for (double& x : row) x = random.below(2) == 0 ? 0.0 : -0.0;
      break;
    case Row::kMinusInfinities:
      for (double& x : row) x = -INFINITY;
      row[any()] = -3;
      break;
    case Row::kNan:
      row[any()] = random.below(2) == 0 ? NAN : -NAN;
      break;
    case Row::kInfinity:
      row[any()] = INFINITY;
      break;
    case Row::kNothing:
      for (double& x : row) x = -INFINITY;
      break;
  }
}

int32_t expected_id(std::span<const double> row) {
  int32_t best = -1;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!(row[i] < INFINITY)) return -1;
    if (row[i] > (best < 0 ? -INFINITY : row[static_cast<size_t>(best)])) {
      best = static_cast<int32_t>(i);
    }
  }
  return best;
}

Result<void> run_case(const Plan& plan, const ArgmaxCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const auto columns = static_cast<size_t>(c.vocabulary);
  std::vector<double> logits(static_cast<size_t>(c.rows) * columns);
  std::vector<int32_t> want;
  for (int64_t i = 0; i < c.rows; ++i) {
    const auto row = std::span(logits).subspan(static_cast<size_t>(i) * columns, columns);
    write_row(static_cast<Row>(random.below(kNumRowKinds)), row, plan.act, random);
    want.push_back(expected_id(row));
  }
  CaseResult result{.op = "argmax",
                    .shape = fmt::format("{} of {}", c.rows, c.vocabulary),
                    .input = {"ties, zeros, infinities, NaN", ""},
                    .seed = c.seed,
                    .tolerance = {0, 0}};
  for (const Role role : {Role::kDevice, Role::kTwin}) {
    Backend& backend = rig.of(role);
    ERNIE_TRY(const Array in, upload(backend, logits, {c.rows, c.vocabulary}, plan.act));
    ERNIE_TRY(const Array ids, poisoned(backend, {c.rows}, DType::kI32));
    backend.argmax(in.tensor, ids.tensor);
    ERNIE_TRY(const std::vector<int32_t> got, download_ids(backend, ids.tensor));
    if (got != want) result.failures.emplace_back(role == Role::kTwin ? "threads" : "ids");
  }
  sink(std::move(result));
  return {};
}

std::vector<ArgmaxCase> make_cases(const Plan& plan) {
  std::vector<ArgmaxCase> cases;
  const auto add = [&](int64_t rows, int64_t vocabulary) {
    cases.push_back({rows, vocabulary, sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      for (const int64_t vocabulary : {2, 33, 300}) add(40, vocabulary);
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("argmax")) {
        for (const int64_t rows : {1, 7}) add(rows, call.operands[0].shape[1]);
      }
      for (const int64_t vocabulary : {255, 256, 257, 512, 513}) add(40, vocabulary);
      break;
    case Suite::kFull:
      for (int64_t vocabulary = 1; vocabulary <= 1100; ++vocabulary) add(14, vocabulary);
      for (int i = 0; i < 8'900; ++i) add(1 + i % 5, 1 + i * 7 % 301);
      add(64, kVocabulary);
      break;
  }
  return cases;
}

std::vector<CaseGroup> argmax_groups(const Plan& plan) {
  return grouped<ArgmaxCase>("argmax", make_cases(plan), plan, run_case);
}

}  // namespace

OperationCases argmax_cases() { return {"argmax", argmax_groups}; }

}  // namespace ernie::verify::ops
