// Results with receipts of the fake engine, computed again by another one. What of a single receipt
// departs is tested elsewhere; here it is the file: its rows, its input, its verdicts.

#include "jobs/receipt_replay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/test_directory.h"
#include "fake_engine.h"
#include "jobs/prompt_job.h"

namespace ernie {
namespace {

using Lines = std::vector<std::string>;

Lines split_lines(const std::string& text) {
  Lines lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

class ReceiptReplayTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    for (int i = 1; i <= 4; ++i) {
      // The first ends last.
      input_.push_back(fmt::format(R"({{"prompt":"p{}","max_tokens":{},"ignore_eos":true}})", i,
                                   i == 1 ? 40 : i));
    }
    own_.common.numerics = "abacus";
    own_.common.params.max_model_len = 2048;
    tokenizer_ = make_fake_tokenizer();
    rules_.tokenizer = tokenizer_.get();
  }
  void TearDown() override { spdlog::set_level(spdlog::level::info); }

  std::string write(const std::string& name, const Lines& lines) {
    const std::string path = folder_.file(name);
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    EXPECT_TRUE(write_file_atomically(path, text));
    return path;
  }
  /// The answers of the input, with receipts.
  Lines answers() {
    LoadedEngine loaded;
    loaded.engine = make_fake_engine({.max_num_seqs = 2});
    loaded.tokenizer = tokenizer_;
    PromptOptions options;
    options.input = write("in", input_);
    options.output = folder_.file("answers");
    options.quiet = true;
    options.receipts = JobReceipts{own_.common, {}};
    const Interrupt interrupt;
    EXPECT_TRUE(run_prompt_file(std::move(loaded), options, interrupt));
    return split_lines(*read_text_file(options.output, 1 << 24));
  }
  /// The verdicts on these lines; the run is in run_.
  Lines verdicts(const Lines& results, bool with_input = false, bool is_part = false) {
    ReceiptReplay::Files files{LineReader::open(write("results", results)).value(), std::nullopt,
                               is_part};
    if (with_input) files.input = LineReader::open(write("in", input_)).value();
    const std::string path = folder_.file("verdicts");
    OrderedLines output(FileHandle::open(path, O_WRONLY | O_CREAT | O_TRUNC).value());
    Progress progress(0, 0, /*quiet=*/true);
    ReceiptReplay job(std::move(files), own_, rules_, &output, progress);
    const auto loop = EngineLoop::create(make_fake_engine({.max_num_seqs = 8})).value();
    const Interrupt interrupt;
    EXPECT_TRUE(run_job(*loop, job, 32, interrupt));
    EXPECT_TRUE(output.flush());
    EXPECT_TRUE(job.check_end());
    run_ = job.run();
    return split_lines(*read_text_file(path, 1 << 20));
  }

  Lines input_;
  OwnModel own_;
  InputRules rules_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const TestDirectory folder_;
  ReceiptRun run_;
};

TEST_F(ReceiptReplayTest, EveryLineIsVerifiedInItsOrder) {
  const Lines results = answers();
  for (const bool with_input : {false, true}) {
    EXPECT_EQ(verdicts(results, with_input),
              (Lines{"line 1, 1: verified, 40 tokens", "line 2, 2: verified, 2 tokens",
                     "line 3, 3: verified, 3 tokens", "line 4, 4: verified, 4 tokens"}));
    EXPECT_TRUE(run_.passed());
    EXPECT_EQ(run_.counts.num_receipts, 4);
    EXPECT_EQ(run_.counts.num_verified, 4);
    EXPECT_EQ(run_.counts.num_tokens, 49);
    EXPECT_TRUE(run_.of_file.empty());
  }
}

TEST_F(ReceiptReplayTest, TheCanaryIsTheFirstLineThatHolds) {
  Lines results = answers();
  verdicts(results);
  ASSERT_TRUE(run_.canary);
  EXPECT_EQ(run_.canary->line_number, 1) << "though it is finished last";
  EXPECT_EQ(run_.canary->token, 20) << "in its middle";
  EXPECT_TRUE(run_.canary->finding.starts_with("token 20")) << run_.canary->finding;
  results[0].replace(results[0].find("\"text\":\""), 8, "\"text\":\"x");
  verdicts(results);
  ASSERT_TRUE(run_.canary);
  EXPECT_EQ(run_.canary->line_number, 2);
  EXPECT_EQ(run_.counts.num_departing, 1);
  EXPECT_EQ(run_.kinds.at("text"), 1);
}

TEST_F(ReceiptReplayTest, AnAnswerWithoutTokensIsNoCanary) {
  input_ = {R"({"prompt":"p","max_tokens":0,"prompt_logprobs":0})"};
  EXPECT_EQ(verdicts(answers()), (Lines{"line 1, 1: verified, 0 tokens"}));
  EXPECT_FALSE(run_.canary);
  EXPECT_TRUE(run_.passed());
}

TEST_F(ReceiptReplayTest, ErrorsAndLinesWithoutAReceipt) {
  input_[1] = "no JSON";
  Lines results = answers();
  const size_t receipt = results[3].find(",\"ernie_receipt\"");
  results[3] = results[3].substr(0, receipt) + "}";
  results.emplace_back("{}");
  const Lines said = verdicts(results);
  ASSERT_EQ(said.size(), 5u);
  EXPECT_EQ(said[1], "line 2: an error, nothing to verify");
  EXPECT_EQ(said[3], "line 4, 4: departs: receipt: there is none");
  EXPECT_TRUE(said[4].starts_with("line 5: departs: ")) << said[4];
  EXPECT_EQ(run_.counts.num_without_answer, 1);
  EXPECT_EQ(run_.counts.num_verified, 2);
  EXPECT_EQ(run_.counts.num_departing, 2);
  EXPECT_EQ(run_.counts.num_lines, 5);
}

TEST_F(ReceiptReplayTest, BlankLinesCountOnlyAsPlaces) {
  Lines results = answers();
  results.insert(results.begin() + 1, "");
  const Lines said = verdicts(results);
  EXPECT_EQ(said.at(1), "line 3, 2: verified, 2 tokens");
  EXPECT_TRUE(run_.passed());
}

TEST_F(ReceiptReplayTest, ALineTakenAwayIsMissed) {
  Lines results = answers();
  results.erase(results.begin() + 1);
  Lines said = verdicts(results);
  EXPECT_EQ(said.at(0), "line 1, 1: verified, 40 tokens");
  EXPECT_EQ(said.at(1),
            "line 2, 3: departs: row: the receipt is that of row 3, but stands in row 2: rows are "
            "missing, added or in another order");
  EXPECT_EQ(run_.of_file, (Lines{"the file ends after 3 of 4 rows"}));
  EXPECT_FALSE(run_.passed());
  said = verdicts(results, /*with_input=*/true, /*is_part=*/true);
  EXPECT_EQ(said.at(1), "line 2, 3: verified, 3 tokens") << "a part may lack rows";
  EXPECT_TRUE(run_.passed());
  results.pop_back();
  results.erase(results.begin() + 1);
  verdicts(results);
  EXPECT_EQ(run_.of_file, (Lines{"the file ends after 1 of 4 rows"}));
  EXPECT_EQ(run_.counts.num_departing, 0) << "the lines that are there hold";
  EXPECT_FALSE(run_.passed());
}

TEST_F(ReceiptReplayTest, RowsInAnotherOrderDoNotFollowTheInput) {
  Lines results = answers();
  std::swap(results[1], results[2]);
  const Lines said = verdicts(results, /*with_input=*/true, /*is_part=*/true);
  EXPECT_EQ(said.at(1), "line 2, 3: verified, 3 tokens");
  EXPECT_EQ(said.at(2),
            "line 3, 2: departs: input: row 2 was passed already: rows are not in the input's "
            "order");
}

TEST_F(ReceiptReplayTest, AnInputOfMoreOrFewerRows) {
  const Lines results = answers();
  input_.push_back(input_.back());
  verdicts(results, /*with_input=*/true);
  EXPECT_EQ(run_.of_file, (Lines{"the input has more rows than the 4 of this file"}));
  EXPECT_EQ(run_.counts.num_verified, 4);
  input_.resize(3);
  const Lines said = verdicts(results, /*with_input=*/true);
  EXPECT_EQ(said.at(3), "line 4, 4: departs: input: has no row 4");
  EXPECT_TRUE(run_.of_file.empty());
}

TEST_F(ReceiptReplayTest, AnInputThatWasChanged) {
  const Lines results = answers();
  input_[2] = R"({"prompt":"p3","max_tokens":3,"ignore_eos":true,"temperature":0.5})";
  input_[3] = R"({"prompt":"q4","max_tokens":4,"ignore_eos":true})";
  const Lines said = verdicts(results, /*with_input=*/true);
  EXPECT_EQ(said.at(1), "line 2, 2: verified, 2 tokens");
  EXPECT_NE(said.at(2).find("departs: temperature: "), std::string::npos) << said.at(2);
  EXPECT_NE(said.at(3).find("departs: prompt: token 0: "), std::string::npos) << said.at(3);
}

TEST_F(ReceiptReplayTest, TheSummaryIsThatOfTheFile) {
  Lines results = answers();
  results.emplace_back("no JSON");
  const auto summary = summarize_receipts(write("results", results));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->num_rows, 5);
  EXPECT_EQ(summary->num_receipts, 4);
  EXPECT_EQ(summary->longest, 42) << "two bytes of prompt and forty tokens";
  EXPECT_FALSE(summarize_receipts(folder_.file("absent")));
}

}  // namespace
}  // namespace ernie
