#include "verify/model/check.h"

#include <algorithm>
#include <cmath>

#include "verify/error_budget.h"
#include "verify/model/rules.h"
#include "verify/random.h"

namespace ernie::verify::model {
namespace {

/// Small enough for a linear answer, large beside float32 rounding.
constexpr double kProbeNoise = 0x1p-12;

const Values* find(const Taps& taps, const TapPoint& point) {
  const auto found = taps.find(point);
  return found == taps.end() ? nullptr : &found->second;
}

bool is_compared(const TapPoint& point) { return point.tap != Tap::kExpertIds; }

/// Tokens before the first whose experts differ in this layer or an earlier one; none if the truth
/// does not tell its experts.
int64_t tokens_alike(const Taps& got, const Taps& want, const TapPoint& point, int64_t num_tokens) {
  int64_t alike = num_tokens;
  for (const auto& [p, ids] : got) {
    if (p.tap != Tap::kExpertIds || p > point) continue;
    const Values* true_ids = find(want, p);
    alike = true_ids == nullptr ? 0 : std::min(alike, num_tokens_alike(ids, *true_ids));
  }
  return alike;
}

/// The same over the truth and the shaken run, so that both speak of the same tokens.
int64_t tokens_alike(const PromptRuns& runs, const TapPoint& point) {
  const auto num_tokens = static_cast<int64_t>(runs.truth.truth.ids.size());
  return std::min(tokens_alike(runs.free.taps, runs.truth.truth.taps, point, num_tokens),
                  tokens_alike(runs.free.taps, runs.noisy.taps, point, num_tokens));
}

/// Whether the truth has everything that goes into the stage which ends at `point`. A dense MLP
/// may be left out: then it counts to the layer's sum.
bool has_inputs(const Taps& truth, const TapPoint& point, const ModelConfig& config) {
  const auto has = [&](Tap tap) { return truth.contains({point.layer, tap}); };
  const bool has_stream = point.layer <= 0 ? truth.contains({-1, Tap::kEmbedding})
                                           : truth.contains({point.layer - 1, Tap::kLayer});
  switch (point.tap) {
    case Tap::kEmbedding:
      return true;
    case Tap::kAttention:
    case Tap::kFinalNorm:
      return has_stream;
    case Tap::kExpertIds:
    case Tap::kExpertWeights:
      return has(Tap::kRouterLogits);
    case Tap::kRouted:
      return has_stream && has(Tap::kAttention) && has(Tap::kExpertIds) && has(Tap::kExpertWeights);
    case Tap::kLayer:
      if (config.is_moe_layer(point.layer)) {
        const bool has_shared = config.num_shared_experts == 0 || has(Tap::kShared);
        return has_stream && has(Tap::kAttention) && has(Tap::kRouted) && has_shared;
      }
      return has_stream && has(Tap::kAttention);
    case Tap::kLogits:
      return has(Tap::kFinalNorm);
    default:
      return has_stream && has(Tap::kAttention);
  }
}

/// Both sides of a point as they are to be compared: the weights of equally chosen experts side by
/// side and as a truth in `truth_act` has them, all else as it is.
AlignedWeights sides(const Taps& got, const Taps& want, const TapPoint& point, DType truth_act) {
  const Values &g = got.at(point), &w = want.at(point);
  const TapPoint ids{point.layer, Tap::kExpertIds};
  if (point.tap != Tap::kExpertWeights || !want.contains(ids)) return {g, w};
  AlignedWeights both = align_weights(got.at(ids), g, want.at(ids), w);
  for (double& x : both.got.data) x = round_to(truth_act, x);
  return both;
}

/// From `noisy`, a pass in which every stage's inputs were shaken.
void measure_conditioning(PromptRuns& runs, DType truth_act) {
  for (const auto& [point, values] : runs.free.taps) {
    if (!is_compared(point)) continue;
    const AlignedWeights both = sides(runs.noisy.taps, runs.free.taps, point, truth_act);
    const TapError moved = tap_error(both.got, both.want);
    runs.conditioning[point] = {moved.l2 / kProbeNoise, moved.worst_row_l2 / kProbeNoise};
  }
}

double budget_of(const PromptRuns& runs, const TapPoint& point, const CheckContext& context) {
  const auto found = runs.conditioning.find(point);
  const auto num_tokens = static_cast<int64_t>(runs.truth.truth.ids.size());
  return tap_budget(context.config, point, context.arithmetic, num_tokens,
                    found == runs.conditioning.end() ? Conditioning() : found->second)
      .l2;
}

}  // namespace

Result<std::vector<PromptRuns>> run_prompts(ModelProbe& device, std::vector<PromptTruth> truths,
                                            const CheckContext& context, uint64_t first_seed) {
  std::vector<PromptRuns> all(truths.size());
  for (size_t p = 0; p < all.size(); ++p) all[p].truth = std::move(truths[p]);
  // One pass: plan_of(prompt's runs, its seed), kept in the member `to`.
  const auto pass = [&](PassTrace PromptRuns::*to, const auto& plan_of) -> Result<void> {
    std::vector<PassRequest> requests;
    for (size_t p = 0; p < all.size(); ++p) {
      const PassTrace& truth = all[p].truth.truth;
      requests.push_back({truth.ids, truth.positions, plan_of(all[p], first_seed + 2 * p)});
    }
    ERNIE_TRY(std::vector<PassTrace> traces, trace_sequences(device, requests));
    for (size_t p = 0; p < all.size(); ++p) all[p].*to = std::move(traces[p]);
    return {};
  };
  ERNIE_TRY_VOID(pass(&PromptRuns::free, [](const PromptRuns&, uint64_t) { return TapPlan(); }));
  ERNIE_TRY_VOID(pass(&PromptRuns::alone, [](const PromptRuns& runs, uint64_t) {
    return TapPlan{.anchor = &runs.truth.truth.taps};
  }));
  // In bfloat16 a shake of this size is lost in rounding; the budgets are then made of roundings.
  if (context.arithmetic.act != DType::kBF16) {
    ERNIE_TRY_VOID(pass(&PromptRuns::noisy, [](const PromptRuns& runs, uint64_t seed) {
      return TapPlan{.anchor = &runs.free.taps,
                     .noise = [](const TapPoint&) { return kProbeNoise; },
                     .seed = seed};
    }));
    for (PromptRuns& runs : all) measure_conditioning(runs, context.arithmetic.truth);
  }
  ERNIE_TRY_VOID(pass(&PromptRuns::noisy, [&](const PromptRuns& runs, uint64_t seed) {
    return TapPlan{.noise = [&](const TapPoint& point) { return budget_of(runs, point, context); },
                   .seed = seed + 1};
  }));
  return all;
}

void ModelJudge::add(const PromptRuns& runs) {
  const Taps& want = runs.truth.truth.taps;
  const auto num_tokens = static_cast<int64_t>(runs.truth.truth.ids.size());
  ++num_prompts_;
  num_tokens_ += num_tokens;
  longest_ = std::max(longest_, num_tokens);
  add_routing(runs);
  for (const auto& [point, values] : want) {
    if (!is_compared(point) || !runs.free.taps.contains(point)) continue;
    add_point(runs, point, values, tokens_alike(runs, point));
  }
  const TapPoint logits{context_.config.num_layers, Tap::kLogits};
  if (want.contains(logits)) {
    add_logits(runs, tokens_alike(runs, logits));
  }
  if (context_.is_golden) add_recorded_rules(runs);
}

void ModelJudge::add_routing(const PromptRuns& runs) {
  const Taps& want = runs.truth.truth.taps;
  for (const auto& [point, ids] : want) {
    const Values* logits = find(want, {point.layer, Tap::kRouterLogits});
    if (point.tap != Tap::kExpertIds || logits == nullptr) continue;
    const auto layer = static_cast<size_t>(point.layer);
    if (context_.router_bias[layer].empty() || !runs.free.taps.contains(point)) continue;
    const std::vector<float>& bias = context_.router_bias[layer];
    RoutingResult& result = routing_[point.layer];
    result.layer = point.layer;
    // Alone, the device was given the truth's logits.
    result.alone.add(compare_routing({*logits, runs.alone.taps.at(point)}, {*logits, ids}, bias));
    const Values& own = runs.free.taps.at({point.layer, Tap::kRouterLogits});
    result.free.add(compare_routing({own, runs.free.taps.at(point)}, {*logits, ids}, bias));
  }
}

void ModelJudge::add_point(const PromptRuns& runs, const TapPoint& point, const Values& want,
                           int64_t num_alike) {
  const double own_rounding = 2 * unit_roundoff(context_.arithmetic.act);
  Sums& sums = sums_.try_emplace(point, Sums{.alone = TapErrorSum(own_rounding)}).first->second;
  const Taps& truth = runs.truth.truth.taps;
  const DType truth_act = context_.arithmetic.truth;
  const AlignedWeights alone = sides(runs.alone.taps, truth, point, truth_act);
  if (has_inputs(truth, point, context_.config)) {
    sums.alone.add(alone.got, alone.want, alone.want.rows);
  }
  const auto shaken = runs.conditioning.find(point);
  if (shaken != runs.conditioning.end()) {
    Conditioning& c = sums.conditioning;
    c.all = std::max(c.all, shaken->second.all);
    c.worst_token = std::max(c.worst_token, shaken->second.worst_token);
  }
  // Free weights are in the order of each side's own keys, so only rows routed alike line up.
  const AlignedWeights free = sides(runs.free.taps, truth, point, truth_act);
  const int64_t rows = std::min(num_alike, free.want.rows);
  sums.free.add(free.got, free.want, rows);
  sums.num_free_tokens += rows;
  sums.free_all.add(free.got, free.want, free.want.rows);
  const AlignedWeights noise = sides(runs.noisy.taps, runs.free.taps, point, truth_act);
  sums.noise.add(noise.got, noise.want, std::min(rows, noise.want.rows));
  if (!runs.truth.original) return;
  if (const Values* original = find(runs.truth.original->taps, point)) {
    sums.original.add(*original, want, want.rows);
    sums.has_original = true;
  }
}

void ModelJudge::add_logits(const PromptRuns& runs, int64_t num_alike) {
  const TapPoint point{context_.config.num_layers, Tap::kLogits};
  const Values &want = runs.truth.truth.taps.at(point), &got = runs.free.taps.at(point);
  const std::span<const int32_t> next = std::span(runs.truth.truth.ids).subspan(1);
  all_.add(want, got, want.rows);
  all_.add_likelihoods(want, got, next);
  alike_.add(want, got, num_alike);
  noise_.add(got, runs.noisy.taps.at(point), num_alike);
  if (!runs.truth.original) return;
  if (const Values* original = find(runs.truth.original->taps, point)) {
    original_.add(want, *original, want.rows);
    original_.add_likelihoods(want, *original, next);
    has_original_ = true;
  }
}

void ModelJudge::add_recorded_rules(const PromptRuns& runs) {
  for (const auto& [point, want] : runs.truth.truth.taps) {
    const Values* got = find(runs.free.taps, point);
    if (got == nullptr || !is_compared(point)) continue;
    const TapError error = tap_error(*got, want);
    const double share = share_of_golden_tolerance(error, point, context_.arithmetic);
    if (point.tap == Tap::kLogits) {
      logits_share_ = std::max(logits_share_, share);
      least_equal_ = std::min(least_equal_, error.equal_fraction);
    } else {
      tap_share_ = std::max(tap_share_, share);
    }
  }
}

ModelCheck ModelJudge::verdict() const {
  ModelCheck check;
  check.num_prompts = num_prompts_;
  check.num_tokens = num_tokens_;
  double last_layer = 0;
  for (const auto& [point, sums] : sums_) {
    PointResult r{.point = point, .alone = sums.alone.error(), .conditioning = sums.conditioning};
    r.budget = tap_budget(context_.config, point, context_.arithmetic, longest_, sums.conditioning);
    r.failures = failed_checks(r.alone, r.budget);
    r.free = sums.free.error();
    r.num_free_tokens = sums.num_free_tokens;
    const TapError all = sums.free_all.error();
    r.free_all_l2 = all.l2;
    r.free_all_abs = all.max_abs;
    const TapError noise = sums.noise.error();
    r.yardstick = noise.l2;
    r.yardstick_abs = noise.max_abs;
    if (sums.has_original) {
      const TapError original = sums.original.error();
      r.original_l2 = original.l2;
      r.original_abs = original.max_abs;
    }
    // Where the device computes NaN, errors added to it give NaN, and the yardstick is infinite.
    r.departs = r.free.num_nonfinite > 0 || !(r.free.l2 <= kMaxOverYardstick * r.yardstick);
    if (point.tap == Tap::kLayer) {
      if (last_layer > 0) r.growth = r.free.l2 / last_layer;
      last_layer = r.free.l2;
    }
    check.num_comparisons += r.alone.num_values;
    check.points.push_back(std::move(r));
  }
  for (const auto& [layer, routing] : routing_) check.routing.push_back(routing);
  check.distribution = all_.figures();
  check.alike = alike_.figures();
  if (has_original_) check.original = original_.figures();
  const GoldenShares golden{tap_share_, logits_share_, least_equal_};
  check.checks = apply_rules(check, context_, noise_.figures(), golden);
  check.passed = std::ranges::all_of(check.checks, &Check::passed);
  find_departure(check);
  return check;
}

ValueCanary try_canary(const CheckContext& context, PromptRuns runs, const ModelCheck& green,
                       uint64_t seed) {
  Random random(seed);
  std::vector<const PointResult*> candidates;
  for (const PointResult& point : green.points) {
    const bool is_judged = point.alone.num_values > 0;
    if (is_judged && point.point.tap != Tap::kExpertWeights) candidates.push_back(&point);
  }
  // Nothing was judged: then nothing can be caught either, and the run fails.
  if (candidates.empty()) return {};
  const PointResult& chosen =
      *candidates[static_cast<size_t>(random.below(static_cast<int64_t>(candidates.size())))];
  ValueCanary canary{.point = chosen.point};
  Values& got = runs.alone.taps.at(canary.point);
  const Values& want = runs.truth.truth.taps.at(canary.point);
  canary.row = random.below(want.rows);
  canary.column = random.below(want.columns);
  double sum = 0;
  for (const double x : want.row(canary.row)) sum += x * x;
  const double rms = std::sqrt(sum / static_cast<double>(want.columns));
  // Where nothing may differ, a unit in the last place of float32 must be seen.
  const double size = std::max(2.5 * chosen.budget.worst, 0x1p-23);
  canary.change = size * (rms > 0 ? rms : 1);
  got.row(canary.row)[static_cast<size_t>(canary.column)] += canary.change;
  ModelJudge judge(context);
  judge.add(runs);
  canary.caught = !judge.verdict().passed;
  return canary;
}

}  // namespace ernie::verify::model
