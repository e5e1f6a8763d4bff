#pragma once

#include "verify/faults/fault.h"
#include "verify/host_functions.h"

namespace ernie::verify {

/// The host functions with a fault, if it is one of theirs; else the engine's own. With
/// Quirk::kNone computed anew in double.
HostFunctions faulty_functions(const Fault& fault);

}  // namespace ernie::verify
