#pragma once

#include <string>
#include <vector>

#include "bench/limits/probes.h"

namespace ernie::bench {

struct ComputeProbe {
  std::string name;  ///< as in PeakRate
  std::string isa;
  double (*run)(int64_t num_rounds);
  int64_t operations_per_step;  ///< a multiply-add counts as two
};

struct ProbeSet {
  uint64_t (*read)(const void* data, uint64_t num_bytes);
  std::vector<ComputeProbe> compute;  ///< float32 fma first
};

/// The widest probe of each kind that this processor runs.
ProbeSet best_probes();
/// Every probe that it runs; for tests.
std::vector<ComputeProbe> runnable_compute_probes();

}  // namespace ernie::bench
