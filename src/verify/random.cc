#include "verify/random.h"

#include <array>
#include <cmath>

namespace ernie::verify {
namespace {

constexpr size_t kSteps = 4096;

/// Quantiles of the normal distribution at i / kSteps, the two ends at half a step. Found by
/// Newton's method on the distribution function.
std::array<double, kSteps + 1> make_quantiles() {
  std::array<double, kSteps + 1> quantiles{};
  constexpr double kRootTwo = 1.4142135623730951, kRootTwoPi = 2.5066282746310002;
  double x = -3.6;
  for (size_t i = 0; i <= kSteps; ++i) {
    double p = static_cast<double>(i) / kSteps;
    if (i == 0) p = 0.5 / kSteps;
    if (i == kSteps) p = 1 - 0.5 / kSteps;
    for (int step = 0; step < 60; ++step) {
      const double error = 0.5 * std::erfc(-x / kRootTwo) - p;
      x -= error * kRootTwoPi * std::exp(0.5 * x * x);
    }
    quantiles[i] = x;
  }
  return quantiles;
}

}  // namespace

double Random::normal() {
  static const std::array<double, kSteps + 1> kQuantiles = make_quantiles();
  const uint64_t random = bits();
  const size_t i = random >> 52;
  const double fraction = static_cast<double>(random & ((uint64_t{1} << 52) - 1)) * 0x1p-52;
  return kQuantiles[i] + fraction * (kQuantiles[i + 1] - kQuantiles[i]);
}

uint64_t sub_seed(uint64_t seed, uint64_t part) {
  return Random(Random(seed).bits() ^ (part * 0xd1342543de82ef95u)).bits();
}

}  // namespace ernie::verify
