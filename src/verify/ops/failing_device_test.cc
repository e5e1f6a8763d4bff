// A device that fails somewhere in a verification of operations: the run ends with its error.

#include <gtest/gtest.h>

#include "lost_device/failing_backend.h"
#include "verify/ops/injection.h"

namespace ernie::verify::ops {
namespace {

/// Two workers' devices and twins, all of which count and fail together.
SuiteOptions failing_options(const std::shared_ptr<Failure>& failure) {
  SuiteOptions options{.suite = Suite::kFaults, .seed = 3, .num_workers = 2};
  options.make_device = [failure](
                            const std::string& name,
                            const BackendOptions& backend) -> Result<std::unique_ptr<Backend>> {
    ERNIE_TRY(auto real, make_backend(name, backend));
    return std::unique_ptr<Backend>(std::make_unique<FailingBackend>(std::move(real), failure));
  };
  return options;
}

/// Near both ends and between.
std::vector<int64_t> some_below(int64_t count) {
  std::vector<int64_t> some{0, 1, count - 1};
  for (int64_t n = 2; n < count - 1; n += 1 + count / 40) some.push_back(n);
  return some;
}

class FailingDevice : public ::testing::TestWithParam<Failure::Of> {};

TEST_P(FailingDevice, EndsTheSuiteWithItsErrorWhereverItFails) {
  const auto none = std::make_shared<Failure>(GetParam(), Failure::kNever);
  const auto whole = run_suite(failing_options(none));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->num_failed(), 0);
  ASSERT_GT(none->count(), 100);
  for (const int64_t n : some_below(none->count())) {
    const auto failure = std::make_shared<Failure>(GetParam(), n);
    const auto results = run_suite(failing_options(failure));
    ASSERT_FALSE(results) << n;
    const bool is_lost = GetParam() == Failure::Of::kCopyOut;
    EXPECT_EQ(results.error().message,
              is_lost ? "cpu: the device stopped working" : "cpu: the device is full");
    EXPECT_EQ(results.error().code, is_lost ? ErrorCode::kDeviceLost : ErrorCode::kOutOfMemory);
  }
}

// The kernels of a fault read and write the device in the middle of an operation.
TEST_P(FailingDevice, EndsAFaultWithItsErrorWhereverItFails) {
  for (const Fault& fault : faults()) {
    const auto none = std::make_shared<Failure>(GetParam(), Failure::kNever);
    SuiteOptions options = failing_options(none);
    options.operations = {std::string(fault.op)};
    const auto whole = run_suite(options, {}, &fault);
    ASSERT_TRUE(whole) << whole.error().message;
    const int64_t count = none->count();
    for (const int64_t n : {count / 3, count - 1}) {
      if (count == 0) continue;  // computed by the host alone
      const auto failure = std::make_shared<Failure>(GetParam(), n);
      SuiteOptions failing = failing_options(failure);
      failing.operations = options.operations;
      const auto results = run_suite(failing, {}, &fault);
      ASSERT_FALSE(results) << fault.op << " " << fault.name.en << ", " << n << " of " << count;
      EXPECT_EQ(results.error().message.substr(0, 16), "cpu: the device ");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, FailingDevice,
                         ::testing::Values(Failure::Of::kAllocate, Failure::Of::kCopyOut),
                         [](const auto& test) {
                           return test.param == Failure::Of::kCopyOut ? "Lost" : "Full";
                         });

TEST(Suite, OutOfMemoryInAWorkerIsAnError) {
  for (const int64_t n : {0, 4}) {
    const auto failure = std::make_shared<Failure>(Failure::Of::kAdd, n);
    SuiteOptions options = failing_options(failure);
    options.operations = {"add"};
    const auto results = run_suite(options);
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(results.error().message, "out of memory");
  }
}

}  // namespace
}  // namespace ernie::verify::ops
