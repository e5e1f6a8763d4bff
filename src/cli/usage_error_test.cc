#include <gtest/gtest.h>

#include "cli/nearest_name.h"
#include "cli/program_test_run.h"

namespace ernie {
namespace {

std::string refusal(const std::vector<std::string>& arguments) {
  const ProgramRun run = run_captured(arguments);
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  return run.err;
}

TEST(UsageError, UnknownCommandsAreNamedWithTheNearest) {
  const std::string commands =
      " (commands: run, run-batch, serve, chat, inspect, dummy, tokenize, verify, bench, "
      "completion, man)\n";
  EXPECT_EQ(refusal({"rnu"}), "ernie: rnu: no such command; did you mean run?" + commands);
  EXPECT_EQ(refusal({"help"}), "ernie: help: no such command; did you mean --help?" + commands);
  EXPECT_EQ(refusal({"quantum"}), "ernie: quantum: no such command" + commands);
  EXPECT_EQ(refusal({"verify", "op"}),
            "ernie verify: op: no such command; did you mean ops? (commands: ops, model, "
            "determinism, receipt)\n");
  EXPECT_EQ(refusal({"bench"}),
            "ernie bench: got no command, expected one of ops, latency, throughput, serve\n");
}

TEST(UsageError, UnknownFlagsAreNamedWithTheNearest) {
  EXPECT_EQ(refusal({"run", "--promt", "x"}),
            "ernie run: --promt: no such flag; did you mean --prompt?\n");
  EXPECT_EQ(refusal({"run", "--max-token=5"}),
            "ernie run: --max-token: no such flag; did you mean --max-tokens?\n");
  EXPECT_EQ(refusal({"serve", "--kv-cache-mem", "1"}),
            "ernie serve: --kv-cache-mem: no such flag; did you mean --kv-cache-memory-bytes?\n");
  EXPECT_EQ(refusal({"run", "--xyzzy"}), "ernie run: --xyzzy: no such flag\n");
  EXPECT_EQ(refusal({"inspect", "a", "b"}),
            "ernie inspect: b: not expected; besides flags, ernie inspect takes DIR\n");
}

TEST(UsageError, ValuesAreShownBesideWhatWasExpected) {
  EXPECT_EQ(refusal({"run", "--max-tokens", "x"}),
            "ernie run: --max-tokens: got x, expected an integer\n");
  EXPECT_EQ(refusal({"run", "--threads", "99999"}),
            "ernie run: --threads: got 99999, expected a number from 0 to 4096\n");
  EXPECT_EQ(refusal({"run", "--dtype", "float"}),
            "ernie run: --dtype: got float, expected one of auto, bfloat16, float32\n");
  EXPECT_EQ(refusal({"chat", "--url"}), "ernie chat: --url: got nothing, expected TEXT\n");
  EXPECT_EQ(refusal({"run", "--dtype", "a\x1b[31m\nb"}),
            "ernie run: --dtype: got a\\x1B[31m\\x0Ab, expected one of auto, bfloat16, float32\n");
}

TEST(NearestName, IsASlipAwayOrLonger) {
  const std::vector<std::string> names = {"--prompt", "--prompt-file", "--seed", "-i", "--top-k"};
  EXPECT_EQ(nearest_name("--promt", names), "--prompt");
  EXPECT_EQ(nearest_name("prompt-flie", names), "--prompt-file");
  EXPECT_EQ(nearest_name("sede", names), "--seed");
  EXPECT_EQ(nearest_name("--top", names), "--top-k");
  EXPECT_EQ(nearest_name("-j", names), "");
  EXPECT_EQ(nearest_name("--s", names), "--seed");
  EXPECT_EQ(nearest_name("--", names), "");
  EXPECT_EQ(nearest_name("--temperature", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'p'), names), "");
}

}  // namespace
}  // namespace ernie
