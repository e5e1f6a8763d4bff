#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backend/registry.h"

namespace ernie::verify {

/// Makes what is verified, by the name of a device: `make_backend`, unless a test puts something in
/// between.
using BackendFactory = std::function<Result<std::unique_ptr<Backend>>(const std::string& device,
                                                                      const BackendOptions&)>;

}  // namespace ernie::verify
