// A device that fails somewhere in a check of a whole model: the check ends with its error.

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "lost_device/failing_backend.h"
#include "verify/model/run.h"

namespace ernie::verify::model {
namespace {

struct Way {
  std::string name;
  Failure::Of fails;
  bool stream_layers = false;
  bool is_recorded = false;
  bool has_text = false;
  bool has_fault = false;
};

Result<ModelRun> run(const WeightSource& weights, const Way& way,
                     const std::shared_ptr<Failure>& failure) {
  ModelRunOptions options{.backend = {.dtype = DType::kF32, .num_threads = 1},
                          .stream_layers = way.stream_layers,
                          .seed = 4};
  options.make_device = [failure](
                            const std::string& name,
                            const BackendOptions& backend) -> Result<std::unique_ptr<Backend>> {
    ERNIE_TRY(auto real, make_backend(name, backend));
    return std::unique_ptr<Backend>(std::make_unique<FailingBackend>(std::move(real), failure));
  };
  if (way.is_recorded) {
    options.recording = ERNIE_SOURCE_DIR "/tests/golden/moe_shared";
    options.is_golden = true;
  } else {
    options.prompts = {{{3, 1, 4, 1, 5}, {0, 1, 2, 3, 4}}, {{9, 2}, {0, 1}}};
  }
  if (way.has_text) options.text = {2, 7, 1, 8, 2, 8};
  if (way.has_fault) options.fault = &faults().front();
  return run_model_check(weights, options);
}

class FailingModelDevice : public ::testing::TestWithParam<Way> {};

TEST_P(FailingModelDevice, EndsTheCheckWithItsErrorWhereverItFails) {
  const auto weights = open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value();
  const auto none = std::make_shared<Failure>(GetParam().fails, Failure::kNever);
  const auto whole = run(*weights, GetParam(), none);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->passed(), !GetParam().has_fault);
  const int64_t count = none->count();
  ASSERT_GT(count, 10);
  for (int64_t n = 0; n < count; n += n < 5 || n > count - 5 ? 1 : 1 + count / 30) {
    const auto failure = std::make_shared<Failure>(GetParam().fails, n);
    const auto failed = run(*weights, GetParam(), failure);
    ASSERT_FALSE(failed) << n << " of " << count;
    EXPECT_EQ(failed.error().message, GetParam().fails == Failure::Of::kCopyOut
                                          ? "cpu: the device stopped working"
                                          : "cpu: the device is full");
  }
}

INSTANTIATE_TEST_SUITE_P(
    , FailingModelDevice,
    ::testing::Values(Way{"LostComputed", Failure::Of::kCopyOut, false, false, true},
                      Way{"LostRecordedStreamed", Failure::Of::kCopyOut, true, true},
                      Way{"LostWithAFault", Failure::Of::kCopyOut, false, true, false, true},
                      Way{"FullComputed", Failure::Of::kAllocate, false, false, true},
                      Way{"FullRecordedStreamed", Failure::Of::kAllocate, true, true},
                      Way{"FullWithAFault", Failure::Of::kAllocate, true, true, false, true}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ernie::verify::model
