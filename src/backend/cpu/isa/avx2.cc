#include "backend/cpu/isa/lanes_avx2.h"
#define ERNIE_ISA avx2
#include "backend/cpu/isa/kernel_bodies.h"

namespace ernie::cpu {

const Kernels& avx2_kernels() {
  static constexpr Kernels kKernels = avx2::make_kernels("avx2");
  return kKernels;
}

}  // namespace ernie::cpu
