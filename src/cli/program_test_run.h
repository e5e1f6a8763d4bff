#pragma once

// The whole program in this process, for tests of what a user sees of it.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/test_directory.h"
#include "cli/program.h"

namespace ernie {

/// What a run left on the terminal.
struct ProgramRun {
  int code = 0;
  std::string out, err;
};

inline ProgramRun run_captured(const std::vector<std::string>& arguments,
                               const EngineLoader& loader = EngineLoader()) {
  std::vector<const char*> argv{"ernie"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  ProgramRun run;
  run.code = run_program(static_cast<int>(argv.size()), argv.data(), loader);
  run.out = testing::internal::GetCapturedStdout();
  run.err = testing::internal::GetCapturedStderr();
  return run;
}

}  // namespace ernie
