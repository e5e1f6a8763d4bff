#pragma once

#include <string>
#include <vector>

#include "allocation/allocation_counter.h"
#include "backend/registry.h"

namespace ernie::testing {

/// A device in a variant and a dtype.
struct Variant {
  DeviceInfo device;
  DType dtype;

  std::string name() const { return device.name + device.variant + std::string(dtype_name(dtype)); }
  /// With three threads where the device has any.
  std::unique_ptr<Backend> make() const {
    return make_backend(device.name, {.dtype = dtype, .num_threads = 3, .isa = device.variant})
        .value();
  }
};

/// Every one in which an engine runs.
inline std::vector<Variant> all_variants() {
  std::vector<Variant> all;
  for (const DeviceInfo& device : devices()) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) all.push_back({device, dtype});
  }
  return all;
}

/// How often `call` allocates.
template <typename Call>
int64_t allocations_in(const Call& call) {
  const int64_t before = num_allocations();
  call();
  return num_allocations() - before;
}

}  // namespace ernie::testing
