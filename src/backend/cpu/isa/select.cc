#include "backend/cpu/isa/select.h"

#include <fmt/ranges.h>

namespace ernie::cpu {
namespace {

struct Choice {
  const char* name;
  const Kernels& (*kernels)();
  bool runnable;
};

std::vector<Choice> choices() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  return {{"avx512", avx512_kernels, avx512},
          {"avx2", avx2_kernels, avx2},
          {"portable", portable_kernels, true}};
#else
  return {{"portable", portable_kernels, true}};
#endif
}

}  // namespace

std::vector<std::string> runnable_isas() {
  std::vector<std::string> names;
  for (const Choice& choice : choices()) {
    if (choice.runnable) names.emplace_back(choice.name);
  }
  return names;
}

Result<const Kernels*> select_kernels(const std::string& isa) {
  for (const Choice& choice : choices()) {
    if (choice.runnable && (isa.empty() || isa == choice.name)) return &choice.kernels();
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "isa: got \"{}\", expected one this machine runs: {}", isa,
                    fmt::join(runnable_isas(), ", "));
}

}  // namespace ernie::cpu
