#include "backend/cpu/isa/lanes_portable.h"
#define ERNIE_ISA portable
#include "backend/cpu/isa/kernel_bodies.h"

namespace ernie::cpu {

const Kernels& portable_kernels() {
  static constexpr Kernels kKernels = portable::make_kernels("portable");
  return kKernels;
}

}  // namespace ernie::cpu
