#pragma once

/// Random values for inputs: a pure function of seed and position, and fast, because a suite draws
/// billions of them. Not for anything whose quality matters as in sampling: see base/rng.h.

#include <cstdint>

namespace ernie::verify {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    // SplitMix64 (Steele, Lea, Flood 2014).
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  /// In [0, n), n >= 1.
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }
  /// Both ends included.
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool chance(double probability) { return uniform() < probability; }
  /// Standard normal, to the accuracy of a table of 4096 quantiles with linear interpolation.
  double normal();

 private:
  uint64_t state_;
};

/// A seed of its own for part `part` of something that has `seed`.
uint64_t sub_seed(uint64_t seed, uint64_t part);

}  // namespace ernie::verify
