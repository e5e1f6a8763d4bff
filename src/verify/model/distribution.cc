#include "verify/model/distribution.h"

#include <algorithm>
#include <cmath>

namespace ernie::verify::model {
namespace {

/// ln Σ exp(x).
double log_sum_exp(std::span<const double> logits) {
  const double max = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double x : logits) sum += std::exp(x - max);
  return max + std::log(sum);
}

double margin_of_best(std::span<const double> logits, int64_t best) {
  double second = -INFINITY;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (static_cast<int64_t>(i) != best) second = std::max(second, logits[i]);
  }
  return logits[static_cast<size_t>(best)] - second;
}

}  // namespace

double kl_divergence(std::span<const double> want, std::span<const double> got) {
  const double want_sum = log_sum_exp(want), got_sum = log_sum_exp(got);
  double kl = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double log_p = want[i] - want_sum, log_q = got[i] - got_sum;
    kl += std::exp(log_p) * (log_p - log_q);
  }
  // Rounding can make nothing a little less than that.
  return std::isfinite(kl) ? std::max(kl, 0.0) : INFINITY;
}

double negative_log_likelihood(std::span<const double> logits, int32_t token) {
  return log_sum_exp(logits) - logits[static_cast<size_t>(token)];
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  const double part = at - static_cast<double>(below);
  return part == 0 ? values[below] : values[below] + part * (values[above] - values[below]);
}

void DistributionMeter::add(const Values& want, const Values& got, int64_t num_rows) {
  for (int64_t t = 0; t < num_rows; ++t) {
    const auto w = want.row(t), g = got.row(t);
    kl_.push_back(kl_divergence(w, g));
    const auto best_want = std::ranges::max_element(w) - w.begin();
    const auto best_got = std::ranges::max_element(g) - g.begin();
    if (best_want == best_got) continue;
    ++figures_.num_top1_different;
    figures_.largest_top1_margin =
        std::max(figures_.largest_top1_margin, margin_of_best(w, best_want));
  }
}

void DistributionMeter::add_likelihoods(const Values& want, const Values& got,
                                        std::span<const int32_t> next) {
  for (size_t t = 0; t < next.size(); ++t) {
    const auto row = static_cast<int64_t>(t);
    sum_want_ += negative_log_likelihood(want.row(row), next[t]);
    sum_got_ += negative_log_likelihood(got.row(row), next[t]);
    ++figures_.num_predicted;
  }
}

DistributionFigures DistributionMeter::figures() const {
  DistributionFigures f = figures_;
  f.num_tokens = static_cast<int64_t>(kl_.size());
  double sum = 0;
  for (const double kl : kl_) {
    sum += kl;
    f.kl_max = std::max(f.kl_max, kl);
  }
  f.kl_mean = kl_.empty() ? 0 : sum / static_cast<double>(kl_.size());
  f.kl_p999 = percentile(kl_, 0.999);
  if (f.num_predicted > 0) {
    f.perplexity_want = std::exp(sum_want_ / static_cast<double>(f.num_predicted));
    f.perplexity_got = std::exp(sum_got_ / static_cast<double>(f.num_predicted));
  }
  return f;
}

}  // namespace ernie::verify::model
