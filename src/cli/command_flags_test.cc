// Flags on their way to the engine, and what is refused on the way.

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "cli/program_test_run.h"
#include "report/environment.h"

namespace ernie {
namespace {

/// Keeps the settings it is given and opens nothing.
class RecordingLoader : public EngineLoader {
 public:
  Result<OpenedModel> open(const EngineSettings& settings) const override {
    opened_.push_back(settings);
    return make_error(ErrorCode::kNotFound, "opened");
  }
  mutable std::vector<EngineSettings> opened_;
};

using Arguments = std::vector<std::string>;

Arguments joined(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Expects that the settings of `flags` came to the loader.
EngineSettings settings_of(const Arguments& arguments) {
  const RecordingLoader loader;
  const ProgramRun run = run_captured(arguments, loader);
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(loader.opened_.size(), 1u) << run.err;
  return loader.opened_.empty() ? EngineSettings{} : loader.opened_.front();
}

/// Expects that the command line was refused before a model was opened; what was said.
std::string refusal_of(const Arguments& arguments) {
  const RecordingLoader loader;
  const ProgramRun run = run_captured(arguments, loader);
  EXPECT_EQ(run.code, 2) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(loader.opened_.empty());
  return run.err;
}

void expect_told(const Arguments& arguments, const std::string& message) {
  const std::string said = refusal_of(arguments);
  EXPECT_NE(said.find(message), std::string::npos) << said;
}

TEST(CommandFlags, EveryCommandThatRunsAModelTakesTheSameFlags) {
  const TestDirectory folder;
  const std::string in = folder.write("in", "{}\n"), out = folder.file("out");
  const std::vector<Arguments> commands{{"run", "--prompt", "x"},
                                        {"run", "--prompt-file", in, "--output", out},
                                        {"run-batch", "-i", in, "-o", out},
                                        {"verify", "receipt", in},
                                        {"bench", "latency"},
                                        {"bench", "throughput"}};
  const Arguments flags{"--model=/m",
                        "--tokenizer=/t",
                        "--load-format=dummy",
                        "--device=reference",
                        "--dtype=float32",
                        "--isa=avx2",
                        "--threads=3",
                        "--mmap",
                        "--max-model-len=2000",
                        "--max-num-seqs=5",
                        "--max-num-batched-tokens=99",
                        "--block-size=8",
                        "--kv-cache-memory-bytes=5000000000",
                        "--seed=18446744073709551615",
                        "--quiet"};
  for (const Arguments& command : commands) {
    SCOPED_TRACE(command.front() + " " + command[1]);
    const EngineSettings settings = settings_of(joined(command, flags));
    EXPECT_EQ(settings.model, "/m");
    EXPECT_EQ(settings.tokenizer, "/t");
    EXPECT_EQ(settings.load_format, "dummy");
    EXPECT_EQ(settings.device, "reference");
    EXPECT_EQ(settings.dtype, "float32");
    EXPECT_EQ(settings.isa, "avx2");
    EXPECT_EQ(settings.threads, 3);
    EXPECT_TRUE(settings.mmap);
    EXPECT_EQ(settings.engine.max_model_len, 2000);
    EXPECT_EQ(settings.engine.max_num_seqs, 5);
    EXPECT_EQ(settings.engine.max_num_batched_tokens, 99);
    EXPECT_EQ(settings.engine.block_size, 8);
    EXPECT_EQ(settings.engine.kv_cache_bytes, 5'000'000'000);
  }
}

TEST(CommandFlags, WithoutFlagsTheDemoRunsOnTheCpu) {
  const EngineSettings settings = settings_of({"run", "--prompt", "x"});
  EXPECT_EQ(settings.model, "");
  EXPECT_EQ(settings.device, "cpu");
  EXPECT_EQ(settings.dtype, "auto");
  EXPECT_EQ(settings.threads, 0);
  EXPECT_FALSE(settings.mmap);
  EXPECT_EQ(settings.engine.max_model_len, 0);
}

TEST(CommandFlags, BenchLatencyMakesRoomForItsRows) {
  EngineSettings settings = settings_of({"bench", "latency", "--batch-size", "2,40", "--depth", "0",
                                         "--input-len", "600", "--output-len", "7"});
  EXPECT_EQ(settings.engine.max_num_seqs, 40);
  EXPECT_EQ(settings.engine.max_num_batched_tokens, 512);
  EXPECT_EQ(settings.engine.max_model_len, 601) << "the prompt and its first token";
  settings = settings_of({"bench", "latency", "--batch-size", "700", "--max-model-len", "50",
                          "--input-len", "8", "--depth", "0"});
  EXPECT_EQ(settings.engine.max_num_seqs, 700);
  EXPECT_EQ(settings.engine.max_num_batched_tokens, 700) << "a token for each sequence";
  EXPECT_EQ(settings.engine.max_model_len, 50) << "what is given stays";
}

TEST(CommandFlags, BenchThroughputMakesRoomForItsPrompts) {
  const Arguments command{"bench", "throughput", "--input-len", "30", "--output-len", "4"};
  EXPECT_EQ(settings_of(command).engine.max_model_len, 34);
  EXPECT_EQ(settings_of(joined(command, {"--max-model-len", "90"})).engine.max_model_len, 90);
  const TestDirectory folder;
  const std::string prompts = folder.write("prompts", "{\"prompt\":\"x\"}\n");
  EXPECT_EQ(settings_of({"bench", "throughput", "--prompt-file", prompts}).engine.max_model_len, 0)
      << "the lengths of a file's prompts are not known";
}

TEST(CommandFlags, FiguresOutOfRangeAreNamedWithTheirRange) {
  const Arguments run{"run", "--prompt", "x"};
  expect_told(joined(run, {"--max-num-seqs", "0"}), "--max-num-seqs: got 0, expected a number ");
  expect_told(joined(run, {"--block-size", "-1"}), "--block-size: got -1, expected a number ");
  expect_told(joined(run, {"--max-model-len", "2147483648"}), "--max-model-len");
  expect_told(joined(run, {"--threads", "4097"}), "--threads: got 4097, expected a number ");
  expect_told(joined(run, {"--dtype", "float16"}),
              "--dtype: got float16, expected one of auto, bfloat16, float32");
  expect_told(joined(run, {"--load-format", "gguf"}),
              "--load-format: got gguf, expected one of auto, dummy");
  expect_told(joined(run, {"--log-level", "loud"}), "--log-level: got loud, expected one of");
  expect_told(joined(run, {"--prompt-logprobs", "21"}),
              "--prompt-logprobs: got 21, expected a number ");
}

TEST(CommandFlags, ASeedIsTheNumberThatIsWritten) {
  const TestDirectory folder;
  const std::vector<Arguments> commands{{"run", "--prompt", "x"},
                                        {"bench", "ops", "--op", "none"},
                                        {"verify", "ops", "--op", "none"},
                                        {"dummy", folder.file("model")}};
  for (const Arguments& command : commands) {
    for (const std::string bad : {"-1", "18446744073709551616", "010", "0x10", "1e3", "1.5"}) {
      expect_told(
          joined(command, {"--seed", bad}),
          "--seed: got " + bad + ", expected a whole number from 0 to 18446744073709551615");
    }
  }
  EXPECT_FALSE(std::filesystem::exists(folder.file("model")));
}

TEST(CommandFlags, FlagsThatContradictEachOtherAreRefused) {
  const Arguments run{"run", "--prompt", "x"};
  expect_told(joined(run, {"--prompt-file", "y"}), "--prompt excludes --prompt-file");
  expect_told(joined(run, {"--token-ids"}), "--token-ids requires --prompt-file");
  expect_told(joined(run, {"--system", "Be brief."}), "--system requires --chat");
  EXPECT_EQ(refusal_of(joined(run, {"--quiet", "--receipts"})),
            "ernie run: --receipts: needs --output FILE, where the prompt's result line goes\n");
  EXPECT_EQ(refusal_of(joined(run, {"--quiet", "--output", "y"})),
            "ernie run: --output: needs --prompt-file, or --receipts\n");
  expect_told({"bench", "throughput", "--ignore-eos"}, "--ignore-eos requires --prompt-file");
  expect_told({"bench", "latency", "--json", "-", "--html", "-"},
              "only one of them can go to standard output");
}

TEST(CommandFlags, ALogitBiasIsAnIdAndANumber) {
  for (const std::string bad : {"5", "5:", ":1", "a:1", "5:x", "5:1x", "5 :1", "99999999999:1"}) {
    EXPECT_EQ(refusal_of({"run", "--quiet", "--prompt", "x", "--logit-bias", bad}),
              "ernie run: --logit-bias: got \"" + bad + "\", expected ID:VALUE\n");
  }
  settings_of({"run", "--quiet", "--prompt", "x", "--logit-bias", "5:-1.5", "6:1e2"});
}

TEST(CommandFlags, ACommandIsNeeded) {
  for (const Arguments& arguments : {Arguments{}, {"bench"}, {"verify"}}) {
    expect_told(arguments, "got no command, expected one of ");
  }
  refusal_of({"runn"});
  refusal_of({"bench", "speed"});
  expect_told({"run-batch", "-i", "x"}, "--output-file is required");
  expect_told({"verify", "receipt"}, "RESULTS is required");
  expect_told({"inspect"}, "DIR is required");
  expect_told({"inspect", "a", "b"}, "b");
}

TEST(CommandFlags, AMissingBatchFileIsFoundBeforeTheModel) {
  const TestDirectory folder;
  const std::string absent = folder.file("absent");
  EXPECT_EQ(refusal_of({"run-batch", "--quiet", "-i", absent, "-o", folder.file("out")}),
            "ernie run-batch: " + absent + ": cannot open: No such file or directory\n");
  EXPECT_EQ(refusal_of({"verify", "receipt", "--quiet", absent}),
            "ernie verify receipt: " + absent + ": cannot open: No such file or directory\n");
}

TEST(CommandFlags, HelpAndVersionAreNoFailures) {
  const ProgramRun version = run_captured({"--version"});
  EXPECT_EQ(version.code, 0);
  const report::Environment environment = report::collect_environment();
  EXPECT_TRUE(version.out.starts_with("ernie " + environment.version + "\ncommit " +
                                      environment.commit + "\ncompiler " + environment.compiler))
      << version.out;
  EXPECT_NE(version.out.find("\ndevices cpu ("), std::string::npos);
  EXPECT_NE(version.out.find("portable), reference\n"), std::string::npos) << version.out;
  const ProgramRun help = run_captured({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* command :
       {"run", "run-batch", "inspect", "dummy", "tokenize", "verify", "bench"}) {
    EXPECT_NE(help.out.find("\n  " + std::string(command) + " "), std::string::npos) << command;
  }
  const ProgramRun of_command = run_captured({"bench", "latency", "--help"});
  EXPECT_EQ(of_command.code, 0);
  EXPECT_NE(of_command.out.find("--kv-cache-memory-bytes"), std::string::npos);
  EXPECT_EQ(version.err + help.err + of_command.err, "");
}

/// A line of the log: the first has the flags that were given, the second at level debug the
/// others.
std::string log_line(const Arguments& flags, int line) {
  std::string log = run_captured(joined({"run"}, flags), RecordingLoader()).err;
  for (; line > 0; --line) log.erase(0, log.find('\n') + 1);
  return log.substr(0, log.find('\n'));
}

std::string flags_line(const Arguments& flags) { return log_line(flags, 0); }

TEST(CommandFlags, TheLogBeginsWithTheFlagsThatWereGiven) {
  const Arguments flags = {"--prompt", "a b",       "--stop", "x", "--stop",
                           "y",        "--no-echo", "--seed", "7"};
  const std::string line = flags_line(flags);
  EXPECT_NE(line.find(R"(ernie run --prompt="a b" --no-echo=true --stop=x,y --seed=7)"),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find("--max-tokens"), std::string::npos) << line;
  EXPECT_EQ(flags_line({"--prompt", "x", "--log-level", "warn"}), "ernie run: opened");
}

TEST(CommandFlags, AtLevelDebugTheLogHasAllFlags) {
  const Arguments flags = {"--prompt", "a b", "--log-level", "debug"};
  const std::string line = log_line(flags, 1);
  for (const char* text :
       {" --ignore-eos=false", " --max-tokens=128", " --device=cpu", " --tokenizer=\"\""}) {
    EXPECT_NE(line.find(text), std::string::npos) << text << " in " << line;
  }
  EXPECT_EQ((flags_line(flags) + line).find("--help"), std::string::npos);
}

TEST(CommandFlags, TheFrequentOnesAreShort) {
  const Arguments flags = {"-p", "a", "-n", "5", "-t", "2", "-m", "none", "-o", "x"};
  const std::string line = flags_line(flags);
  for (const char* text :
       {" --prompt=a", " --max-tokens=5", " --threads=2", " --model=none", " --output=x"}) {
    EXPECT_NE(line.find(text), std::string::npos) << text << " in " << line;
  }
}

TEST(CommandFlags, LongValuesAreCutInTheLogBetweenCharacters) {
  EXPECT_NE(flags_line({"--prompt", std::string(61, 'p')}).find("=" + std::string(60, 'p') + "…"),
            std::string::npos);
  // Sixty bytes end in the middle of the twentieth character.
  std::string chinese = "p";
  for (int i = 0; i < 30; ++i) chinese += "你";
  const std::string line = flags_line({"--prompt", chinese});
  EXPECT_TRUE(is_utf8(line)) << line;
  EXPECT_NE(line.find("你…"), std::string::npos) << line;
}

}  // namespace
}  // namespace ernie
