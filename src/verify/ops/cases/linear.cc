// linear: sampled elements against the oracle, and every element through a random projection: with
// random signs r, Σ_n r_n y[m, n] must be x[m]·(Wᵀ r), which costs one product instead of N.

#include <algorithm>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/model_shapes.h"
#include "verify/ops/row_case.h"

namespace ernie::verify::ops {
namespace {

struct LinearShape {
  std::string name;
  int64_t in, out;
  MatrixUse use = MatrixUse::kLinear;
};

LinearShape shape_of(const Operation& call) {
  const OperandSpec& matrix = call.operands[1];
  return {call.name, matrix.shape[1], matrix.shape[0], matrix.matrix_use};
}

/// The projections of the 21B model, whole and as 2, 4 and 8 ranks hold them.
std::vector<LinearShape> model_linear_shapes(bool with_shards) {
  std::vector<LinearShape> shapes;
  for (const int num_ranks : {1, 2, 4, 8}) {
    if (num_ranks > 1 && !with_shards) break;
    for (const Operation& call : model_calls("linear", num_ranks)) {
      LinearShape shape = shape_of(call);
      // What every rank has whole is there already.
      const auto is_whole = [&](const LinearShape& s) {
        return s.name == shape.name && s.in == shape.in && s.out == shape.out;
      };
      if (std::ranges::any_of(shapes, is_whole)) continue;
      if (num_ranks > 1) shape.name += fmt::format(" /{}", num_ranks);
      shapes.push_back(std::move(shape));
    }
  }
  return shapes;
}

std::vector<LinearShape> odd_shapes() {
  return {{"odd", 127, 33}, {"odd", 2559, 7}, {"odd", 1, 1},    {"odd", 15, 3},
          {"odd", 17, 5},   {"odd", 101, 67}, {"odd", 33, 130}, {"odd", 64, 64}};
}

/// A matrix on all three backends, the oracle having only the sampled columns of the output.
class Weights {
 public:
  static Result<Weights> prepare(Rig& rig, const LinearShape& shape, const Plan& plan,
                                 InputClass input, Random& random) {
    Weights w(shape, plan, input, random);
    const HostMatrix tensor = host_matrix(w.values_, {w.out_, w.in_}, w.store_);
    ERNIE_TRY(w.device_, rig.device().prepare_matrix({&tensor, 1}, shape.use));
    ERNIE_TRY(w.twin_, rig.twin().prepare_matrix({&tensor, 1}, shape.use));
    w.columns_ = sample_indices(w.out_, w.out_ * w.in_ <= 40'000 ? w.out_ : 24, random);
    const HostMatrix sampled =
        host_matrix(rows_of(w.values_, w.in_, w.columns_), {w.num_columns(), w.in_}, w.store_);
    ERNIE_TRY(w.oracle_, rig.oracle().prepare_matrix({&sampled, 1}, shape.use));
    w.project(random);
    return w;
  }

  const Operand& of(Role role) const {
    return role == Role::kDevice ? *device_ : role == Role::kTwin ? *twin_ : *oracle_;
  }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  const std::vector<int64_t>& columns() const { return columns_; }
  int64_t num_columns() const { return static_cast<int64_t>(columns_.size()); }
  std::span<const double> row(int64_t n) const {
    return std::span(values_).subspan(static_cast<size_t>(n * in_), static_cast<size_t>(in_));
  }
  /// Σ_n sign[n] W[n, k], and Σ_n W[n, k]².
  const std::vector<double>& signs() const { return signs_; }
  const std::vector<double>& projected() const { return projected_; }
  const std::vector<double>& squares() const { return squares_; }

 private:
  Weights(const LinearShape& shape, const Plan& plan, InputClass input, Random& random)
      : in_(shape.in),
        out_(shape.out),
        store_(shape.use == MatrixUse::kRouter ? DType::kF32 : plan.store),
        values_(make_values(input, out_, in_, store_, random)) {
    // Outputs of about the size of the inputs, as in the model; exact classes stay exact.
    if (is_exact(input)) return;
    const double scale = std::exp2(-std::floor(std::log2(static_cast<double>(in_)) / 2));
    for (double& w : values_) w *= scale;
  }
  void project(Random& random) {
    signs_.resize(static_cast<size_t>(out_));
    for (double& sign : signs_) sign = random.chance(0.5) ? 1 : -1;
    projected_.assign(static_cast<size_t>(in_), 0);
    squares_.assign(static_cast<size_t>(in_), 0);
    for (int64_t n = 0; n < out_; ++n) {
      const std::span<const double> w = row(n);
      const double sign = signs_[static_cast<size_t>(n)];
      for (size_t k = 0; k < w.size(); ++k) {
        projected_[k] += sign * w[k];
        squares_[k] += w[k] * w[k];
      }
    }
  }

  int64_t in_, out_;
  DType store_;
  std::vector<double> values_;
  OperandPtr device_, twin_, oracle_;
  std::vector<int64_t> columns_;
  std::vector<double> signs_, projected_, squares_;
};

/// One input matrix, its products on device and oracle, and what is checked about them.
class LinearCase {
 public:
  LinearCase(const Weights& weights, const RowOperation& operation, InputClass input, RowCase rows,
             Random& random)
      : w_(weights), operation_(operation), input_(input), rows_(std::move(rows)) {
    const int64_t all = rows_.num_rows() * w_.num_columns() * w_.in();
    sampled_ = sample_indices(rows_.num_rows(), all <= kMaxOracleMacs ? all : 6, random);
  }

  Result<void> check(CaseResult& result, bool exact_weights, bool with_twin) const {
    const bool exact = exact_weights && is_exact(input_);
    if (!exact) {
      result.tolerance =
          operation_.out == DType::kBF16 ? Tolerance{1.5, 0.75, true} : Tolerance{2, 0.5, true};
    } else {
      result.tolerance = {0, 0};
    }
    ERNIE_TRY(result.error, compare());
    result.failures =
        failed_checks(result.error, result.tolerance, is_inexact(input_) && w_.in() >= 64);
    if (!exact && !projection_holds()) result.failures.emplace_back("projection");
    return rows_.check_bits(sampled_[sampled_.size() / 2], with_twin, result.failures);
  }

  static constexpr int64_t kMaxOracleMacs = 1'500'000;

 private:
  double budget(std::span<const double> x, std::span<const double> w, double want) const {
    double squares = 0;
    for (size_t k = 0; k < x.size(); ++k) squares += x[k] * w[k] * (x[k] * w[k]);
    const auto depth = static_cast<double>(w_.in());
    const double noise = std::max(std::sqrt(squares), std::abs(want));
    return unit_roundoff(operation_.out) * std::abs(want) +
           unit_roundoff(DType::kF32) * std::sqrt(depth) * noise +
           (depth + 1) * half_smallest(DType::kF32);
  }

  Result<ErrorSummary> compare() const {
    const auto num_columns = static_cast<size_t>(w_.num_columns());
    ERNIE_TRY(const std::vector<double> want, rows_.oracle_rows(sampled_, w_.num_columns()));
    ErrorMeter meter(operation_.out);
    for (size_t r = 0; r < sampled_.size(); ++r) {
      const int64_t row = sampled_[r];
      for (size_t c = 0; c < num_columns; ++c) {
        const int64_t column = w_.columns()[c];
        const double truth = want[r * num_columns + c];
        meter.add(row * w_.out() + column, rows_.y_row(row)[static_cast<size_t>(column)], truth,
                  budget(rows_.x_row(row), w_.row(column), truth));
      }
    }
    return meter.summary();
  }

  bool projection_holds() const {
    for (int64_t m = 0; m < rows_.num_rows(); ++m) {
      const std::span<const double> x = rows_.x_row(m), y = rows_.y_row(m);
      double got = 0, squares = 0;
      for (size_t n = 0; n < y.size(); ++n) {
        got += w_.signs()[n] * y[n];
        squares += y[n] * y[n];
      }
      double want = 0, noise = 0;
      for (size_t k = 0; k < x.size(); ++k) {
        want += x[k] * w_.projected()[k];
        noise += x[k] * x[k] * w_.squares()[k];
      }
      // A row with an infinity or a NaN says nothing here; the sampled elements do.
      if (!std::isfinite(want) || !std::isfinite(noise)) continue;
      const auto depth = static_cast<double>(x.size()), width = static_cast<double>(y.size());
      const double allowed =
          unit_roundoff(DType::kF32) * std::sqrt(depth) * std::sqrt(noise + squares) +
          unit_roundoff(operation_.out) * std::sqrt(squares) +
          width * (depth + 1) * half_smallest(DType::kF32);
      if (!(std::abs(got - want) <= 4 * allowed)) return false;
    }
    return true;
  }

  const Weights& w_;
  const RowOperation& operation_;
  InputClass input_;
  RowCase rows_;
  std::vector<int64_t> sampled_;
};

struct LinearGroup {
  LinearShape shape;
  Plan plan;
  InputClass weights;
  std::vector<int64_t> token_counts;
  std::vector<InputClass> inputs;
  uint64_t seed;
};

Result<void> run_group(const LinearGroup& group, Rig& rig, const CaseSink& sink) {
  Random random(group.seed);
  ERNIE_TRY(const Weights weights,
            Weights::prepare(rig, group.shape, group.plan, group.weights, random));
  const DType out = group.shape.use == MatrixUse::kRouter ? DType::kF32 : group.plan.act;
  const RowOperation operation{weights.in(), weights.out(), group.plan.act, out,
                               [&](Role role, Backend& backend, const Tensor& x, const Tensor& y) {
                                 backend.linear(x, weights.of(role), y);
                               }};
  for (const int64_t tokens : group.token_counts) {
    for (const InputClass input : group.inputs) {
      CaseResult result{.op = "linear",
                        .shape = fmt::format("M {}, K {}, N {} ({})", tokens, group.shape.in,
                                             group.shape.out, group.shape.name),
                        .input = {std::string(input_class_name(input)), ""},
                        .seed = random.bits()};
      if (group.weights != InputClass::kNormal) {
        result.input.details = fmt::format("weights {}", input_class_name(group.weights));
      }
      Random own(result.seed);
      std::vector<double> x = make_values(input, tokens, weights.in(), group.plan.act, own);
      ERNIE_TRY(RowCase rows, RowCase::run(rig, operation, std::move(x)));
      const LinearCase linear(weights, operation, input, std::move(rows), own);
      ERNIE_TRY_VOID(linear.check(result, is_exact(group.weights), tokens % 3 == 0 || tokens == 1));
      sink(std::move(result));
    }
  }
  return {};
}

constexpr InputClass kAllInputs[] = {
    InputClass::kNormal,   InputClass::kHeavyTail,    InputClass::kOutliers,
    InputClass::kPositive, InputClass::kInteger,      InputClass::kSmall,
    InputClass::kLarge,    InputClass::kSubnormal,    InputClass::kNonfinite,
    InputClass::kZeros,    InputClass::kCancellation, InputClass::kSpike};

/// A shape with so many rows has at most max_macs.
LinearShape cut(LinearShape shape, int64_t tokens, int64_t max_macs) {
  const int64_t allowed = std::max<int64_t>(max_macs / (tokens * shape.in), 8);
  if (shape.out > allowed) {
    shape.out = allowed;
    shape.name += ", cut";
  }
  return shape;
}

std::vector<CaseGroup> linear_groups(const Plan& plan) {
  std::vector<LinearGroup> groups;
  const auto add = [&](const LinearShape& shape, InputClass weights,
                       std::vector<int64_t> token_counts, std::vector<InputClass> inputs) {
    const int64_t most = *std::max_element(token_counts.begin(), token_counts.end());
    groups.push_back({cut(shape, most, plan.max_macs), plan, weights, std::move(token_counts),
                      std::move(inputs), sub_seed(plan.seed, groups.size())});
  };
  using enum InputClass;
  const std::vector<InputClass> all(std::begin(kAllInputs), std::end(kAllInputs));
  switch (plan.suite) {
    case Suite::kPublished:
      for (const Operation& check : published_checks("linear")) {
        add(shape_of(check), kNormal, {check.num_tokens}, {kNormal});
      }
      break;
    case Suite::kFaults:
      add({"faults", 256, 128}, kNormal, {1, 7, 33}, {kNormal, kOutliers, kPositive});
      add({"faults", 96, 96}, kPositive, {2, 64}, {kNormal, kPositive, kCancellation});
      add({"faults", 40, 24}, kInteger, {3}, {kInteger});
      add({"faults", 40, 256}, kNormal, {128}, {kNormal, kHeavyTail});  // enough to see a bias
      break;
    case Suite::kModel:
      for (const LinearShape& shape : model_linear_shapes(false)) {
        add(shape, kNormal, {1, 3, 16}, {kNormal, kOutliers});
      }
      break;
    case Suite::kFull: {
      std::vector<LinearShape> shapes = model_linear_shapes(true);
      for (const LinearShape& shape : odd_shapes()) shapes.push_back(shape);
      const InputClass weights[] = {kNormal, kInteger, kPositive, kHeavyTail};
      for (size_t i = 0; i < shapes.size(); ++i) {
        for (const InputClass w : {kNormal, weights[i % 4]}) {
          add(shapes[i], w, small_token_counts(), all);
          add(shapes[i], w, large_token_counts(), {all[i % 12], all[(i + 4) % 12]});
        }
      }
      break;
    }
  }
  std::vector<CaseGroup> result;
  for (const LinearGroup& group : groups) {
    result.push_back({"linear", [group](Rig& rig, const CaseSink& sink) {
                        return run_group(group, rig, sink);
                      }});
  }
  return result;
}

}  // namespace

OperationCases linear_cases() { return {"linear", linear_groups}; }

}  // namespace ernie::verify::ops
