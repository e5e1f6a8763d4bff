// `ernie bench` from the command line to the report: which rows, where reports go, what is refused.
// No time is judged, and everything is as small as it can be.

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/file.h"
#include "cli/program_test_run.h"

namespace ernie {
namespace {

namespace json = boost::json;

using Arguments = std::vector<std::string>;

Arguments ops(const Arguments& more) {
  Arguments all{"bench", "ops",       "--quiet", "--seconds-per-op", "0", "--limits-seconds",
                "0",     "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Arguments model(const char* command, const Arguments& more) {
  Arguments all{"bench", command, "--quiet", "--limits-seconds", "0", "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Expects a refusal, before anything is measured, in one line that begins so.
void expect_refused(const Arguments& arguments, const std::string& message) {
  const ProgramRun run = run_captured(arguments);
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with(message)) << run.err;
}

TEST(BenchOps, SavedFiguresAreThereToCompareWith) {
  const TestDirectory folder;
  const std::string saved = folder.file("a.json");
  const Arguments chosen{"--suite", "published", "--op", "silu_mul"};
  Arguments first = ops(chosen), second = ops(chosen);
  first.insert(first.end(), {"--json", saved, "--seed", "1"});
  second.insert(second.end(), {"--compare", saved, "--json", "-", "--seed", "2"});
  const ProgramRun shown = run_captured(first);
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("SiLU"), std::string::npos);
  const ProgramRun compared = run_captured(second);
  ASSERT_EQ(compared.code, 0) << compared.err;
  const json::object result = json::parse(compared.out).as_object();  // and nothing else is there
  EXPECT_EQ(result.at("suite"), "published");
  EXPECT_EQ(result.at("seed"), 2u);
  EXPECT_EQ(result.at("limits").at("threads"), 1);
  const json::array& rows = result.at("rows").as_array();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].at("name"), "SiLU");
  EXPECT_GE(rows[0].at("time").at("count").as_int64(), 5);
  const json::object comparison = result.at("comparison").as_object();
  EXPECT_EQ(comparison.at("rows").as_array().size(), 1u);
  EXPECT_EQ(comparison.at("only_before").as_array().size(), 0u);
  EXPECT_EQ(comparison.at("only_after").as_array().size(), 0u);
}

TEST(BenchOps, WhatCannotBeMeasuredIsNamed) {
  const TestDirectory folder;
  expect_refused(ops({"--suite", "published", "--op", "quaternion", "--op", "x"}),
                 "ernie bench ops: --op: no row of suite published is called quaternion, x\n");
  const std::string not_json = folder.write("not.json", "[1,");
  expect_refused(ops({"--op", "add", "--compare", not_json}),
                 "ernie bench ops: " + not_json + ": ");
  const std::string other = folder.write("other.json", "{\"format\":\"ernie bench latency\"}");
  expect_refused(ops({"--op", "add", "--compare", other}), "ernie bench ops: " + other + ": ");
  expect_refused(ops({"--op", "add", "--device", "abacus"}), "ernie bench ops: ");
  expect_refused(ops({"--op", "add", "--json", folder.file("no/a.json")}),
                 "ernie bench ops: --json: " + folder.file("no") + ": no such directory");
}

TEST(BenchLatency, MarkdownInTheLanguageThatIsAskedFor) {
  const Arguments tiny{
      "--input-len",        "3", "--depth",    "0", "--output-len", "2",  "--num-iters", "1",
      "--num-iters-warmup", "0", "--markdown", "-", "--lang",       "zh", "--seed",      "9"};
  const ProgramRun run = run_captured(model("latency", tiny));
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(run.out.starts_with("# ERNIE-4.5：预填充与解码延迟\n")) << run.out.substr(0, 100);
  EXPECT_NE(run.out.find("ernie-demo"), std::string::npos);
  EXPECT_NE(run.out.find("## 预填充"), std::string::npos);
  EXPECT_NE(run.out.find("## 解码"), std::string::npos);
  EXPECT_EQ(run.err, "");
}

TEST(BenchLatency, WhatDoesNotFitIsRefused) {
  expect_refused(model("latency", {"--input-len", "30", "--depth", "0", "--max-model-len", "20"}),
                 "ernie bench latency: request 1: prompt: got 30 tokens");
  expect_refused(model("latency", {"--input-len", "3", "--depth", "131072"}),
                 "ernie bench latency: max-model-len: got ");
  expect_refused(model("latency", {"--model", "/nonexistent"}),
                 "ernie bench latency: /nonexistent");
}

TEST(BenchThroughput, AFilesLinesAreCutAtTheirOwnLengths) {
  const TestDirectory folder;
  const std::string prompts =
      folder.write("prompts", "{\"prompt\":[5,6,7]}\n\n{\"prompt\":[8],\"max_tokens\":1}\n");
  const ProgramRun run = run_captured(
      model("throughput", {"--prompt-file", prompts, "--output-len", "4", "--ignore-eos", "--json",
                           "-", "--html", folder.file("a.html")}));
  ASSERT_EQ(run.code, 0) << run.err;
  const json::object result = json::parse(run.out).as_object();
  EXPECT_EQ(result.at("source").as_string(), prompts.c_str());
  EXPECT_EQ(result.at("prompt_tokens"), 4);
  EXPECT_EQ(result.at("output_tokens"), 5);
  EXPECT_EQ(result.at("num_steps"), 4u) << "both begin in the first";
  EXPECT_TRUE(read_text_file(folder.file("a.html"), 1 << 24)->starts_with("<!DOCTYPE html>"));
}

TEST(BenchThroughput, ABadLineIsNamed) {
  const TestDirectory folder;
  const std::string prompts = folder.write("prompts", "{\"prompt\":[5]}\n\n{\"prompt\":[5000]}\n");
  expect_refused(model("throughput", {"--prompt-file", prompts}),
                 "ernie bench throughput: request 2: ");
  folder.write("prompts", "{\"prompt\":[5]}\n\n{\"prompt\":\"a\",\"top_p\":\"b\"}\n");
  expect_refused(model("throughput", {"--prompt-file", prompts}),
                 "ernie bench throughput: " + prompts + ":3: top_p: ");
  folder.write("prompts", "\n\n");
  expect_refused(model("throughput", {"--prompt-file", prompts}),
                 "ernie bench throughput: " + prompts + ": expected prompts, got none\n");
}

}  // namespace
}  // namespace ernie
