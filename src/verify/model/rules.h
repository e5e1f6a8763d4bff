#pragma once

/// The rules that turn figures into a verdict: docs/numerics.md, "A whole model".

#include "verify/model/check.h"

namespace ernie::verify::model {

/// What a comparison with tests/golden came to, as shares of sections 2 and 4.
struct GoldenShares {
  double taps = 0, logits = 0;
  double least_equal = 1;
};

/// The largest error as a share of what sections 2 and 4 allow; 0 where they say nothing.
double share_of_golden_tolerance(const TapError& error, const TapPoint& point,
                                 const Arithmetic& arithmetic);

/// `noise`: how far the device's distributions are moved by errors of the size of the budgets.
std::vector<Check> apply_rules(const ModelCheck& check, const CheckContext& context,
                               const DistributionFigures& noise, const GoldenShares& golden);

/// Fills departure and departure_words.
void find_departure(ModelCheck& check);

}  // namespace ernie::verify::model
