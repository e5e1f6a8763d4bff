#include "backend/cpu/isa/lanes_avx512.h"
#define ERNIE_ISA avx512
#include "backend/cpu/isa/kernel_bodies.h"

namespace ernie::cpu {

const Kernels& avx512_kernels() {
  static constexpr Kernels kKernels = avx512::make_kernels("avx512");
  return kKernels;
}

}  // namespace ernie::cpu
