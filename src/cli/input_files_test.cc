// What commands say of files and names that they cannot work with, before they load a model.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/program_test_run.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

std::string refusal(const Arguments& arguments) {
  const ProgramRun run = run_captured(arguments);
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  return run.err;
}

TEST(ModelNames, AreExplainedWhereTheyAreNoDirectory) {
  const auto said_of = [](const std::string& model) {
    return refusal({"run", "--quiet", "--prompt", "x", "--model", model});
  };
  EXPECT_EQ(said_of("0.3b"),
            "ernie run: 0.3b: got nothing, expected a directory with config.json; 0.3b is the name "
            "of a shape, of which `ernie dummy DIR --config 0.3b` writes a checkpoint with random "
            "weights\n");
  EXPECT_NE(said_of("baidu/ERNIE-4.5-0.3B-PT").find("; it looks like the name of a repository"),
            std::string::npos);
  EXPECT_EQ(said_of("./nowhere"),
            "ernie run: ./nowhere: got nothing, expected a directory with config.json\n");
  EXPECT_EQ(said_of("/a/b").find("repository"), std::string::npos);
  EXPECT_EQ(said_of(""), "ernie run: --model: got an empty name, expected a directory\n");
  EXPECT_EQ(refusal({"dummy", "out", "--config", "3b"}),
            "ernie dummy: --config: got 3b, expected a file or one of 21b, 0.3b, tiny\n");
}

TEST(TextPrompts, NeedATokenizerBeforeTheModelIsLoaded) {
  EXPECT_NE(refusal({"run", "--quiet", "--model", "0.3b", "--load-format", "dummy", "-p", "x"})
                .find("the model has no tokenizer and the prompt is text: --tokenizer"),
            std::string::npos);
}

TEST(VerifyOps, AnOperationWithoutACaseIsNoPass) {
  EXPECT_EQ(refusal({"verify", "ops", "--quiet", "--suite", "published", "--op", "add"}),
            "ernie verify ops: --op: no case of suite published is of add\n");
}

TEST(Outputs, NeverReplaceWhatIsRead) {
  const TestDirectory folder;
  const std::string row = "{\"custom_id\": \"a\"}\n";
  for (const char* name : {"x.tmp", "x.journal", "x.model.json", "x.journal.tmp", "x"}) {
    const std::string input = folder.write(name, row);
    const std::string said = refusal({"run-batch", "--quiet", "--receipts", "--restart",
                                      "--overwrite", "-i", input, "-o", folder.file("x")});
    EXPECT_NE(said.find(name + std::string(": got a file that this command reads")),
              std::string::npos)
        << said;
    EXPECT_EQ(fs::file_size(input), row.size());
    fs::remove(input);
  }
  const std::string manifest = folder.write("r.model.json", row);
  refusal({"run", "--quiet", "--receipts", "--prompt-file", manifest, "-o", folder.file("r")});
  const std::string results = folder.write("results", row);
  refusal({"verify", "receipt", "--quiet", results, "--html", results});
  EXPECT_EQ(fs::file_size(manifest) + fs::file_size(results), 2 * row.size());
}

TEST(Outputs, OfABatchAreFiles) {
  const TestDirectory folder;
  const std::string input = folder.write("in", "{}\n");
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const auto said_of = [&](const std::string& output) {
    return refusal({"run-batch", "--quiet", "--overwrite", "-i", input, "-o", output});
  };
  EXPECT_EQ(said_of("/dev/null"),
            "ernie run-batch: /dev/null: got a device, expected a regular file or none\n");
  EXPECT_NE(said_of(folder.file("pipe")).find("got a pipe"), std::string::npos);
  EXPECT_NE(said_of(folder.path()).find("got a directory"), std::string::npos);
  EXPECT_NE(said_of("-").find("got -, expected a file"), std::string::npos);
}

TEST(Inputs, ThatAreNoFilesDoNotHang) {
  const TestDirectory folder;
  const std::string pipe = folder.file("pipe"), out = folder.file("out");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_directory(folder.file("model"));
  const auto expect_pipe = [&](const Arguments& arguments) {
    const std::string said = refusal(arguments);
    EXPECT_NE(said.find("got a pipe, expected a regular file"), std::string::npos) << said;
  };
  expect_pipe({"run-batch", "--quiet", "-i", pipe, "-o", out});
  expect_pipe({"run", "--quiet", "--load-format", "dummy", "--model", pipe, "-p", "x"});
  expect_pipe({"run", "--quiet", "--tokenizer", pipe, "-p", "x"});
  expect_pipe({"dummy", out, "--config", pipe});
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.model",
                           "model.safetensors.index.json", "tokenizer_config.json"}) {
    const std::string model = folder.file("copy");
    fs::copy(ERNIE_SOURCE_DIR "/models/demo", model);
    fs::remove(model + "/" + name);
    // Only looked for where there is no single file.
    if (std::string(name).ends_with("index.json")) fs::remove(model + "/model.safetensors");
    ASSERT_EQ(::mkfifo((model + "/" + name).c_str(), 0600), 0);
    expect_pipe({"run", "--quiet", "--model", model, "-p", "x"});
    fs::remove_all(model);
  }
}

}  // namespace
}  // namespace ernie
