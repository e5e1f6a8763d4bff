#pragma once

#include <memory>

#include "backend/backend.h"

namespace ernie::reference {

/// The executable specification: scalar, one thread, no speed. dtype F64: nothing is rounded, the
/// oracle of `ernie verify`. F32: what is stored is rounded. BF16: the rounding points of the
/// original's eager implementation.
Result<std::unique_ptr<Backend>> make_reference_backend(DType dtype,
                                                        const StorageFormats& formats);

}  // namespace ernie::reference
