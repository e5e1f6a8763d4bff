#pragma once

// The whole program in this process, for tests of what a user sees of it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

/// A folder of the running test alone, whichever tests run beside it.
class ProgramFolder {
 public:
  ProgramFolder()
      : path_(testing::TempDir() + "ernie_cli_" +
              testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
              std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ProgramFolder() { std::filesystem::remove_all(path_); }
  ProgramFolder(const ProgramFolder&) = delete;
  ProgramFolder& operator=(const ProgramFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }

 private:
  std::string path_;
};

}  // namespace ernie
