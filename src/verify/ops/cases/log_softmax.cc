// log_softmax: the log-probabilities that the engine reports, their ranks and the likeliest tokens.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {
namespace {

enum class Row { kNarrow, kWide, kExtreme, kOneHot, kEqual, kMasked };
constexpr std::string_view kRowNames[] = {"sd 1",    "sd 4",  "around ±100",
                                          "one-hot", "equal", "masked"};

struct LogSoftmaxCase {
  int64_t vocabulary;
  Row row;
  uint64_t seed;
};

std::vector<float> make_logits(const LogSoftmaxCase& c, Random& random) {
  std::vector<float> logits;
  for (int64_t i = 0; i < c.vocabulary; ++i) {
    double x = random.normal();
    if (c.row == Row::kWide) x *= 4;
    if (c.row == Row::kExtreme) x = (random.chance(0.5) ? 100 : -100) + x;
    if (c.row == Row::kOneHot) x = -30;
    if (c.row == Row::kEqual) x = 3;
    if (c.row == Row::kMasked && i > 0 && random.chance(0.4)) x = -INFINITY;
    logits.push_back(static_cast<float>(x));
  }
  if (c.row == Row::kOneHot) logits[static_cast<size_t>(random.below(c.vocabulary))] = 30;
  return logits;
}

/// The truth of one row in double.
class RowTruth {
 public:
  explicit RowTruth(std::span<const float> logits) : logits_(logits), order_(logits.size()) {
    max_ = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x) - max_);
    log_sum_ = max_ + std::log(sum);
    std::iota(order_.begin(), order_.end(), 0);
    std::ranges::stable_sort(order_, [&](int32_t a, int32_t b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
  }
  double logprob(int32_t id) const { return value(id) - log_sum_; }
  double budget(int32_t id) const {
    const double distance = std::abs(value(id) - max_);
    if (!std::isfinite(distance)) return 0;
    return unit_roundoff(DType::kF32) * (4 + std::abs(logprob(id)) + distance);
  }
  const std::vector<int32_t>& order() const { return order_; }
  int32_t rank(int32_t id) const {
    return static_cast<int32_t>(std::ranges::find(order_, id) - order_.begin()) + 1;
  }

 private:
  double value(int32_t id) const { return static_cast<double>(logits_[static_cast<size_t>(id)]); }
  std::span<const float> logits_;
  std::vector<int32_t> order_;
  double max_ = 0, log_sum_ = 0;
};

void check_token(const RowTruth& truth, const TokenLogprob& got, int32_t id, int32_t num_top,
                 ErrorMeter& meter, std::vector<std::string>& failures) {
  meter.add(id, static_cast<double>(got.logprob), truth.logprob(id), truth.budget(id));
  const bool same_top =
      std::ranges::equal(got.top, std::span(truth.order()).first(static_cast<size_t>(num_top)), {},
                         &TokenLogprob::Top::token_id);
  if (got.token_id != id || got.rank != truth.rank(id) || !same_top) {
    failures.emplace_back("rank");
    return;
  }
  for (const TokenLogprob::Top& top : got.top) {
    meter.add(top.token_id, static_cast<double>(top.logprob), truth.logprob(top.token_id),
              truth.budget(top.token_id));
  }
}

Result<void> run_case(const Plan&, const LogSoftmaxCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const std::vector<float> logits = make_logits(c, random);
  const RowTruth truth(logits);
  CaseResult result{.op = "log_softmax",
                    .shape = fmt::format("V {}", c.vocabulary),
                    .input = {std::string(kRowNames[static_cast<size_t>(c.row)]), ""},
                    .seed = c.seed,
                    .tolerance = {.emax = 1.5, .erms = 0.75}};
  ErrorMeter meter(DType::kF32);
  for (const int64_t id : sample_indices(c.vocabulary, 6, random)) {
    const auto num_top = static_cast<int32_t>(std::min<int64_t>(c.vocabulary, random.below(21)));
    const auto got = rig.host().logprob(logits, static_cast<int32_t>(id), num_top);
    if (!got) {
      result.failures.emplace_back("refused");
      break;
    }
    check_token(truth, *got, static_cast<int32_t>(id), num_top, meter, result.failures);
  }
  result.error = meter.summary();
  for (std::string& name : failed_checks(result.error, result.tolerance, false)) {
    result.failures.push_back(std::move(name));
  }
  sink(std::move(result));
  return {};
}

std::vector<LogSoftmaxCase> make_cases(const Plan& plan) {
  std::vector<LogSoftmaxCase> cases;
  const auto add_all = [&](int64_t vocabulary) {
    for (const Row row :
         {Row::kNarrow, Row::kWide, Row::kExtreme, Row::kOneHot, Row::kEqual, Row::kMasked}) {
      cases.push_back({vocabulary, row, sub_seed(plan.seed, cases.size())});
    }
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      add_all(1000);
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("argmax")) add_all(call.operands[0].shape[1]);
      break;
    case Suite::kFull: {
      Random random(sub_seed(plan.seed, 8));
      for (int i = 0; i < 12; ++i) add_all(kVocabulary);
      for (int i = 0; i < 1660; ++i) add_all(1 + random.below(i % 10 == 0 ? 4096 : 300));
      break;
    }
  }
  return cases;
}

std::vector<CaseGroup> log_softmax_groups(const Plan& plan) {
  return grouped<LogSoftmaxCase>("log_softmax", make_cases(plan), plan, run_case);
}

}  // namespace

OperationCases log_softmax_cases() { return {"log_softmax", log_softmax_groups}; }

}  // namespace ernie::verify::ops
