#include "lost_device/losing_backend.h"

#include "lost_device/failing_backend.h"

namespace ernie::testing {

std::unique_ptr<Backend> make_losing_backend(std::unique_ptr<Backend> real, int lost_at) {
  auto failure = std::make_shared<Failure>(Failure::Of::kCopyOut, lost_at - 1);
  return std::make_unique<FailingBackend>(std::move(real), std::move(failure));
}

}  // namespace ernie::testing
