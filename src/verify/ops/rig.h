#pragma once

/// The three backends that a case runs on.

#include <span>
#include <vector>

#include "verify/array.h"
#include "verify/host_functions.h"
#include "verify/ops/op_case.h"
#include "verify/random.h"

namespace ernie::verify::ops {

enum class Role { kDevice, kTwin, kOracle };

/// One thread's backends. `device` is what is verified. `twin` is the same device with another
/// number of threads; what it computes must have the same bits. `oracle` is the reference in
/// double.
class Rig {
 public:
  Rig(Backend& device, Backend& twin, Backend& oracle, HostFunctions host)
      : device_(device), twin_(twin), oracle_(oracle), host_(std::move(host)) {}
  Backend& of(Role role) const {
    return role == Role::kDevice ? device_ : role == Role::kTwin ? twin_ : oracle_;
  }
  Backend& device() const { return device_; }
  Backend& twin() const { return twin_; }
  Backend& oracle() const { return oracle_; }
  const HostFunctions& host() const { return host_; }

 private:
  Backend& device_;
  Backend& twin_;
  Backend& oracle_;
  HostFunctions host_;
};

/// Whether two arrays are equal bit for bit, any NaN counting as equal to any other.
bool same_bits(std::span<const double> a, std::span<const double> b);

/// Up to `count` different indices below n: both ends, then random ones; ascending.
std::vector<int64_t> sample_indices(int64_t n, int64_t count, Random& random);

}  // namespace ernie::verify::ops
