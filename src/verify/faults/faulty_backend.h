#pragma once

#include <memory>

#include "backend/backend.h"
#include "verify/faults/fault.h"

namespace ernie::verify {

/// A device one of whose operations is computed by the host kernels with a fault, or without one
/// (Quirk::kNone); all else goes to `real`. store: the type that the device keeps weights, keys and
/// values in.
std::unique_ptr<Backend> make_faulty_backend(std::unique_ptr<Backend> real, const Fault& fault,
                                             DType store);

}  // namespace ernie::verify
