#include "verify/model/routing.h"

#include <algorithm>
#include <cmath>

namespace ernie::verify::model {
namespace {

constexpr double kUnit = 0x1p-24;
/// The float32 roundings of a probability and its key, both sides.
constexpr double kKeyRoundings = 8;

std::vector<double> softmax(std::span<const double> logits) {
  const double max = *std::ranges::max_element(logits);
  std::vector<double> p;
  double sum = 0;
  for (const double x : logits) {
    p.push_back(std::exp(x - max));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  return p;
}

std::vector<size_t> sorted_ids(std::span<const double> row) {
  std::vector<size_t> ids;
  for (const double id : row) ids.push_back(static_cast<size_t>(id));
  std::ranges::sort(ids);
  return ids;
}

std::vector<size_t> only_in(const std::vector<size_t>& a, const std::vector<size_t>& b) {
  std::vector<size_t> rest;
  std::ranges::set_difference(a, b, std::back_inserter(rest));
  return rest;
}

double largest_difference(std::span<const double> a, std::span<const double> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    largest = d <= largest ? largest : (std::isnan(d) ? INFINITY : d);
  }
  return largest;
}

double gap_of(const std::vector<double>& keys, size_t k) {
  std::vector<double> sorted = keys;
  std::ranges::sort(sorted, std::greater());
  return k < sorted.size() ? sorted[k - 1] - sorted[k] : 1;
}

}  // namespace

void RoutingAgreement::add(const RoutingAgreement& more) {
  num_decisions += more.num_decisions;
  num_different += more.num_different;
  num_wrong += more.num_wrong;
  largest_margin = std::max(largest_margin, more.largest_margin);
  smallest_gap = std::min(smallest_gap, more.smallest_gap);
  experts_met.insert(more.experts_met.begin(), more.experts_met.end());
  if (more.worst_excess > worst_excess) {
    worst_excess = more.worst_excess;
    worst_token = more.worst_token;
  }
}

RoutingAgreement compare_routing(const RoutingSide& got, const RoutingSide& want,
                                 const std::vector<float>& bias) {
  RoutingAgreement result;
  for (int64_t t = 0; t < want.ids.rows; ++t) {
    const std::vector<double> p = softmax(want.logits.row(t));
    std::vector<double> keys = p;
    for (size_t e = 0; e < keys.size(); ++e) keys[e] += static_cast<double>(bias[e]);
    ++result.num_decisions;
    result.smallest_gap =
        std::min(result.smallest_gap, gap_of(keys, static_cast<size_t>(want.ids.columns)));
    const std::vector<size_t> mine = sorted_ids(got.ids.row(t)),
                              truth = sorted_ids(want.ids.row(t));
    result.experts_met.insert(truth.begin(), truth.end());
    const std::vector<size_t> missed = only_in(truth, mine), taken = only_in(mine, truth);
    if (missed.empty() && taken.empty()) continue;
    ++result.num_different;
    const double d = largest_difference(got.logits.row(t), want.logits.row(t));
    double excess = 0;
    for (const size_t a : missed) {
      for (const size_t b : taken) {
        if (b >= keys.size()) {
          excess = INFINITY;
          continue;
        }
        const double margin = std::abs(keys[a] - keys[b]);
        const double explained =
            2 * (p[a] + p[b]) * d + kKeyRoundings * kUnit * (std::abs(keys[a]) + std::abs(keys[b]));
        result.largest_margin = std::max(result.largest_margin, margin);
        excess = std::max(excess, margin / explained);
      }
    }
    // An expert chosen twice leaves one side without a counterpart.
    if (missed.size() != taken.size()) excess = INFINITY;
    result.num_wrong += excess > 1 ? 1 : 0;
    if (excess > result.worst_excess) {
      result.worst_excess = excess;
      result.worst_token = t;
    }
  }
  return result;
}

AlignedWeights align_weights(const Values& got_ids, const Values& got_weights,
                             const Values& want_ids, const Values& want_weights) {
  AlignedWeights aligned{{0, want_weights.columns, {}}, {0, want_weights.columns, {}}};
  for (int64_t t = 0; t < want_ids.rows; ++t) {
    const auto mine = got_ids.row(t), truth = want_ids.row(t);
    if (sorted_ids(mine) != sorted_ids(truth)) continue;
    for (size_t j = 0; j < truth.size(); ++j) {
      const auto at = std::ranges::find(mine, truth[j]) - mine.begin();
      aligned.got.data.push_back(got_weights.at(t, at));
      aligned.want.data.push_back(want_weights.at(t, static_cast<int64_t>(j)));
    }
    ++aligned.got.rows;
    ++aligned.want.rows;
  }
  return aligned;
}

int64_t num_tokens_alike(const Values& got_ids, const Values& want_ids) {
  for (int64_t t = 0; t < want_ids.rows; ++t) {
    if (sorted_ids(got_ids.row(t)) != sorted_ids(want_ids.row(t))) return t;
  }
  return want_ids.rows;
}

}  // namespace ernie::verify::model
