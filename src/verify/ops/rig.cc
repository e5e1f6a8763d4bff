#include "verify/ops/rig.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ernie::verify::ops {

bool same_bits(std::span<const double> a, std::span<const double> b) {
  return std::ranges::equal(a, b, [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y) ||
           (std::isnan(x) && std::isnan(y));
  });
}

std::vector<int64_t> sample_indices(int64_t n, int64_t count, Random& random) {
  std::vector<int64_t> indices;
  if (n <= count) {
    for (int64_t i = 0; i < n; ++i) indices.push_back(i);
    return indices;
  }
  indices = {0, n - 1};
  while (static_cast<int64_t>(indices.size()) < count) indices.push_back(random.below(n));
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

}  // namespace ernie::verify::ops
