#include "cli/program.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <stdexcept>

namespace ernie {
namespace {

/// Does something else than to open a model.
class OtherLoader : public EngineLoader {
 public:
  explicit OtherLoader(std::function<Error()> open) : open_(std::move(open)) {}
  Result<OpenedModel> open(const EngineSettings&) const override { return open_(); }

 private:
  std::function<Error()> open_;
};

struct Ended {
  int code = 0;
  std::string errors;
};

Ended run(std::vector<const char*> arguments, std::function<Error()> open) {
  arguments.insert(arguments.begin(), "ernie");
  const OtherLoader loader(std::move(open));
  testing::internal::CaptureStderr();
  const int code = run_program(static_cast<int>(arguments.size()), arguments.data(), loader);
  return {code, testing::internal::GetCapturedStderr()};
}

const std::vector<const char*> kRun{"run", "--quiet", "--prompt", "x"};

TEST(RunProgram, AnErrorIsOneLineBehindTheCommandsName) {
  const auto refuse = [] { return make_error(ErrorCode::kNotFound, "no such model"); };
  const Ended ended = run(kRun, refuse);
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.errors, "ernie run: no such model\n");
  const Ended nested = run({"bench", "latency", "--log-level", "off"}, refuse);
  EXPECT_EQ(nested.code, 2);
  EXPECT_EQ(nested.errors, "ernie bench latency: no such model\n");
}

TEST(RunProgram, WhatIsThrownIsOneLineToo) {
  const auto no_memory = []() -> Error { throw std::bad_alloc(); };
  EXPECT_EQ(run(kRun, no_memory).code, 2);
  EXPECT_EQ(run(kRun, no_memory).errors, "ernie run: out of memory\n");
  const auto mistake = []() -> Error { throw std::logic_error("index 7"); };
  EXPECT_EQ(run(kRun, mistake).code, 2);
  EXPECT_EQ(run(kRun, mistake).errors, "ernie run: a mistake in this program: index 7\n");
  const auto no_exception = []() -> Error { throw 5; };
  EXPECT_EQ(run(kRun, no_exception).code, 2);
  EXPECT_EQ(run(kRun, no_exception).errors, "ernie run: a mistake in this program\n");
}

TEST(RunProgram, AnInterruptIsItsOwnExitCode) {
  const auto interrupted = []() -> Error {
    std::raise(SIGINT);
    return make_error(ErrorCode::kCancelled, "interrupted");
  };
  const Ended ended = run(kRun, interrupted);
  EXPECT_EQ(ended.code, 130);
  EXPECT_EQ(ended.errors, "");
}

}  // namespace
}  // namespace ernie
