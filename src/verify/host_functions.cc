#include "verify/host_functions.h"

#include <memory>

namespace ernie::verify {

HostFunctions engine_functions() {
  const auto sampler = std::make_shared<Sampler>();
  return {compute_logprob, [sampler](const SamplerRow& row) { return sampler->sample(row); }};
}

}  // namespace ernie::verify
