#pragma once

#include <memory>

#include "backend/backend.h"

namespace ernie::testing {

/// A device that is lost at its n-th copy_out: that one and everything that waits after it returns
/// kDeviceLost. Otherwise `real`. n counts from 1; 0: never.
std::unique_ptr<Backend> make_losing_backend(std::unique_ptr<Backend> real, int lost_at);

}  // namespace ernie::testing
