#pragma once

/// How far the next-token distributions of two sides are apart.

#include <cstdint>
#include <span>
#include <vector>

#include "verify/model/trace.h"

namespace ernie::verify::model {

/// Σ p ln(p / q) of the softmaxes of both rows of logits, in double; infinite where a logit is not
/// finite.
double kl_divergence(std::span<const double> want_logits, std::span<const double> got_logits);

/// -ln of the probability of a token.
double negative_log_likelihood(std::span<const double> logits, int32_t token);

/// The value that `share` of all values do not exceed: linear between neighbours, as numpy has it.
/// Of no values: 0.
double percentile(std::vector<double> values, double share);

struct DistributionFigures {
  int64_t num_tokens = 0;
  double kl_mean = 0, kl_p999 = 0, kl_max = 0;
  int64_t num_top1_different = 0;
  double largest_top1_margin = 0;  ///< truth's best minus second-best logit, where the best differs
  double top1_agreement() const {
    return num_tokens == 0
               ? 1
               : 1 - static_cast<double>(num_top1_different) / static_cast<double>(num_tokens);
  }
  int64_t num_predicted = 0;  ///< tokens whose likelihood is in the perplexities
  double perplexity_want = 0, perplexity_got = 0;
};

/// Collects rows of logits. Memory: a few numbers a token.
class DistributionMeter {
 public:
  void add(const Values& want, const Values& got, int64_t num_rows);
  /// The tokens that followed the rows: `next` is one shorter or as long as the rows.
  void add_likelihoods(const Values& want, const Values& got, std::span<const int32_t> next);
  DistributionFigures figures() const;

 private:
  std::vector<double> kl_;
  DistributionFigures figures_;
  double sum_want_ = 0, sum_got_ = 0;
};

}  // namespace ernie::verify::model
