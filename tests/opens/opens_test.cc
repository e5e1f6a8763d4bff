// How often a command opens the file of the weights: once, whatever it wants from them.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <string_view>

#include "base/test_directory.h"
#include "cli/program.h"

namespace {
std::atomic<int> g_num_opens = 0;
}  // namespace

/// Before that of the C library.
extern "C" int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  if (std::string_view(path).ends_with("/model.safetensors")) ++g_num_opens;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

namespace ernie {
namespace {

constexpr const char* kModel = ERNIE_SOURCE_DIR "/models/demo";

class OpensTest : public ::testing::Test {
 protected:
  OpensTest() {
    folder_.write("prompts", R"({"prompt":"17 + 25 =","max_tokens":3})"
                             "\n");
    folder_.write("batch", R"({"custom_id":"a","method":"POST","url":"/v1/completions",)"
                           R"("body":{"prompt":"1","max_tokens":2}})"
                           "\n");
  }

  std::string file(const char* name) const { return folder_.file(name); }

  /// Runs a command of the demo in files. Returns how often it opened the weights.
  static int opens_of(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ernie");
    for (const char* more : {"--model", kModel, "--quiet", "--threads", "1"}) {
      arguments.emplace_back(more);
    }
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    g_num_opens = 0;
    ::testing::internal::CaptureStdout();
    const int code =
        run_program(static_cast<int>(pointers.size()), pointers.data(), EngineLoader());
    const std::string shown = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 0) << arguments[1] << " " << arguments[2] << "\n" << shown;
    return g_num_opens;
  }

  const TestDirectory folder_;
};

TEST_F(OpensTest, WeightsAreOpenedOnce) {
  EXPECT_EQ(opens_of({"run", "--prompt", "x", "--max-tokens", "1"}), 1);
  EXPECT_EQ(opens_of({"run", "--prompt-file", file("prompts"), "--output", file("answers"),
                      "--receipts"}),
            1);
  EXPECT_EQ(opens_of({"run-batch", "-i", file("batch"), "-o", file("rows"), "--receipts"}), 1);
  EXPECT_EQ(opens_of({"verify", "receipt", file("answers"), "--input", file("prompts")}), 1);
  EXPECT_EQ(opens_of({"verify", "receipt", file("rows"), "--input", file("batch")}), 1);
}

TEST_F(OpensTest, AlsoByCommandsThatMeasureAndCompare) {
  EXPECT_EQ(opens_of({"bench", "latency", "--input-len", "4", "--output-len", "2", "--num-iters",
                      "1", "--num-iters-warmup", "0", "--limits-seconds", "0"}),
            1);
  EXPECT_EQ(opens_of({"verify", "model", "--random-tokens", "3", "--against", "reference"}), 1);
  EXPECT_EQ(opens_of({"verify", "determinism", "--num-requests", "2", "--max-model-len", "96"}), 1);
}

}  // namespace
}  // namespace ernie
