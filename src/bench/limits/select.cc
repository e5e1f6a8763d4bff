#include "bench/limits/select.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ernie::bench {
namespace {

struct Features {
  bool avx2 = false, avxvnni = false, avx512 = false, avx512bf16 = false, avx512vnni = false;
};

Features find_features() {
  Features f;
#if defined(__x86_64__)
  // The compiler's function also asks whether the system saves the wide registers.
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") != 0;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kFeatureLeaf = 7;
  if (__get_cpuid_count(kFeatureLeaf, 0, &eax, &ebx, &ecx, &edx) != 0) {
    f.avx512vnni = f.avx512 && (ecx >> 11 & 1u) != 0;
  }
  if (__get_cpuid_count(kFeatureLeaf, 1, &eax, &ebx, &ecx, &edx) != 0) {
    f.avxvnni = f.avx2 && (eax >> 4 & 1u) != 0;
    f.avx512bf16 = f.avx512 && (eax >> 5 & 1u) != 0;
  }
#endif
  return f;
}

}  // namespace

// The widest of a name comes first.
std::vector<ComputeProbe> runnable_compute_probes() {
  std::vector<ComputeProbe> probes;
#if defined(__x86_64__)
  const Features has = find_features();
  if (has.avx512) probes.push_back({"float32 fma", "avx512", fma_f32_avx512, 2 * 16});
  if (has.avx2) probes.push_back({"float32 fma", "avx2", fma_f32_avx2, 2 * 8});
#endif
  probes.push_back({"float32 fma", "portable", fma_f32_portable, 2 * kPortableLanes});
#if defined(__x86_64__)
  if (has.avx512bf16) probes.push_back({"bf16 dot", "avx512bf16", dot_bf16_avx512, 2 * 32});
  if (has.avx512vnni) probes.push_back({"int8 dot", "avx512vnni", dot_int8_avx512vnni, 2 * 64});
  if (has.avxvnni) probes.push_back({"int8 dot", "avxvnni", dot_int8_avxvnni, 2 * 32});
  if (has.avx2) probes.push_back({"int8 dot", "avx2", dot_int8_avx2, 2 * 32});
#endif
  return probes;
}

ProbeSet best_probes() {
  ProbeSet set{read_portable, {}};
#if defined(__x86_64__)
  const Features has = find_features();
  if (has.avx2) set.read = read_avx2;
  if (has.avx512) set.read = read_avx512;
#endif
  for (ComputeProbe& probe : runnable_compute_probes()) {
    if (set.compute.empty() || set.compute.back().name != probe.name) {
      set.compute.push_back(std::move(probe));
    }
  }
  return set;
}

}  // namespace ernie::bench
