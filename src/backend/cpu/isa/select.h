#pragma once

#include <string>
#include <vector>

#include "backend/cpu/isa/kernels.h"
#include "base/result.h"

namespace ernie::cpu {

/// The instruction sets that this program has code for and this processor can run, best first.
/// "portable" is always the last.
std::vector<std::string> runnable_isas();

/// The kernels of one of them; "" means the best. Error: not compiled in, or not runnable here.
Result<const Kernels*> select_kernels(const std::string& isa);

}  // namespace ernie::cpu
