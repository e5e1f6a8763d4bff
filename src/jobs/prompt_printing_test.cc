// One prompt to standard output, and prompt files that an engine leaves unfinished. The scripted
// engine's i-th token is the prompt's first id + i, its text "ID ".

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <filesystem>

#include <boost/json/parse.hpp>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/test_directory.h"
#include "engine/scripted_engine.h"
#include "fake_engine.h"
#include "jobs/prompt_job.h"

namespace ernie {
namespace {

class PromptPrintingTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    options_.quiet = true;
    options_.params.max_tokens = 3;
  }
  void TearDown() override { spdlog::set_level(spdlog::level::info); }

  LoadedEngine loaded() {
    LoadedEngine loaded;
    loaded.engine = std::make_unique<ScriptedEngine>(script_);
    // Receipts are made of logits, which the scripted one has none of.
    if (options_.receipts) loaded.engine = make_fake_engine({.max_model_len = 2'000'000});
    loaded.tokenizer = make_fake_tokenizer();
    return loaded;
  }
  /// What is printed for the prompt.
  std::string printed() {
    testing::internal::CaptureStdout();
    const Interrupt interrupt;
    done_ = run_prompt(loaded(), options_, interrupt);
    return testing::internal::GetCapturedStdout();
  }
  Result<bool> run_file(const std::string& input) {
    options_.input = folder_.file("in");
    options_.output = folder_.file("out");
    EXPECT_TRUE(write_file_atomically(options_.input, input));
    const Interrupt interrupt;
    return run_prompt_file(loaded(), options_, interrupt);
  }
  std::string contents(const std::string& name) {
    return *read_text_file(folder_.file(name), 1 << 20);
  }

  Script script_;
  PromptOptions options_;
  const TestDirectory folder_;
  Result<void> done_;
};

TEST_F(PromptPrintingTest, ThePromptStandsBeforeItsContinuation) {
  options_.prompt = "a b";  // the byte 'a' is id 100
  EXPECT_EQ(printed(), "a b100 101 102 \n");
  EXPECT_TRUE(done_);
  options_.echo = false;
  EXPECT_EQ(printed(), "100 101 102 \n");
}

TEST_F(PromptPrintingTest, AChatTurnIsNotRepeated) {
  options_.prompt = "a b";
  options_.chat = true;
  // The template begins with <|begin_of_sentence|>, the first of the special ids.
  EXPECT_EQ(printed(), "267 268 269 \n");
  options_.system = "be brief";
  EXPECT_EQ(printed(), "267 268 269 \n");
}

TEST_F(PromptPrintingTest, ARequestThatIsRefusedPrintsNothing) {
  options_.prompt = "a";
  options_.params.top_p = 2;
  EXPECT_EQ(printed(), "");
  ASSERT_FALSE(done_);
  EXPECT_EQ(done_.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(done_.error().message.starts_with("top_p: ")) << done_.error().message;
}

TEST_F(PromptPrintingTest, ALostDeviceIsTheErrorAndWhatCameStays) {
  options_.prompt = "a";
  script_.lost_at_step = 2;
  const std::string text = printed();
  ASSERT_FALSE(done_);
  EXPECT_EQ(done_.error().message, "the device is lost");
  EXPECT_TRUE(std::string("a100 101 ").starts_with(text)) << text;
}

TEST_F(PromptPrintingTest, AnInterruptEndsTheLineAndIsAnErrorOfItsOwn) {
  options_.prompt = "a";
  options_.params.max_tokens = 1'000'000;
  testing::internal::CaptureStdout();
  const Interrupt interrupt;
  std::raise(SIGINT);
  const auto done = run_prompt(loaded(), options_, interrupt);
  const std::string text = testing::internal::GetCapturedStdout();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(text.starts_with("a") && text.ends_with("\n")) << text;
  EXPECT_EQ(script_.num_aborted, 1);
}

TEST_F(PromptPrintingTest, HalfAnAnswerHasNoReceipt) {
  options_.prompt = "a";
  options_.params.max_tokens = 1'000'000;
  options_.params.ignore_eos = true;
  options_.receipts.emplace();
  options_.output = folder_.file("out");
  testing::internal::CaptureStdout();
  const Interrupt interrupt;
  std::raise(SIGINT);
  EXPECT_FALSE(run_prompt(loaded(), options_, interrupt));
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(contents("out"), "");
}

TEST_F(PromptPrintingTest, WithReceiptsTheAnswerIsALineOfTheOutputToo) {
  options_.prompt = "a";
  options_.receipts.emplace();
  options_.receipts->common.numerics = "abacus";
  options_.output = folder_.file("out");
  options_.params.ignore_eos = true;
  const std::string shown = printed();
  ASSERT_TRUE(done_);
  const std::string text = contents("out");
  ASSERT_EQ(std::ranges::count(text, '\n'), 1);
  const auto line = boost::json::parse(text).as_object();
  EXPECT_EQ(line.at("id"), 1);
  EXPECT_EQ("a" + std::string(line.at("text").as_string()) + "\n", shown) << "without the prompt";
  const auto& receipt = line.at("ernie_receipt").as_object();
  EXPECT_EQ(receipt.at("numerics"), "abacus");
  EXPECT_EQ(receipt.at("row"), 1);
  EXPECT_EQ(receipt.at("num_rows"), 1);
  EXPECT_EQ(receipt.at("prompt_ids"), (boost::json::array{100}));
  EXPECT_EQ(receipt.at("token_ids").as_array().size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("out.model.json")));
}

TEST_F(PromptPrintingTest, ALostDeviceEndsAFileAndIsNoLinesError) {
  script_.max_num_seqs = 1;
  // In the last line nobody asks for more and so learns of it at once.
  for (const auto& [num_lines, lost_at_step] : {std::pair{50, 20}, {1, 0}}) {
    std::string input;
    for (int i = 0; i < num_lines; ++i) {
      input += fmt::format("{{\"prompt\":[{}],\"max_tokens\":1}}\n", 1000 * i);
    }
    script_.lost_at_step = lost_at_step;
    const auto done = run_file(input);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, "the device is lost");
    const std::string text = contents("out");
    EXPECT_EQ(text.find("error"), std::string::npos) << text;
    EXPECT_LE(std::ranges::count(text, '\n'), lost_at_step);
  }
}

TEST_F(PromptPrintingTest, MemoryThatRunsOutEndsAFile) {
  script_.memory_out_at_step = 0;
  const auto done = run_file("{\"prompt\":[5]}\n");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kOutOfMemory);
}

TEST_F(PromptPrintingTest, AnInterruptBeforeTheFirstLineLeavesAnEmptyOutput) {
  options_.input = folder_.file("in");
  options_.output = folder_.file("out");
  ASSERT_TRUE(write_file_atomically(options_.input, "{\"prompt\":[5]}\n"));
  const Interrupt interrupt;
  std::raise(SIGTERM);
  const auto done = run_prompt_file(loaded(), options_, interrupt);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(script_.num_added, 0);
  EXPECT_EQ(contents("out"), "");
}

TEST_F(PromptPrintingTest, IdsAndTokensOfALineAreThoseItAsksFor) {
  options_.token_ids = true;
  const auto done = run_file(
      "{\"prompt\":[40],\"max_tokens\":2}\n\n{\"prompt\":[50],\"max_tokens\":1,\"id\":\"é\"}\n");
  ASSERT_TRUE(done && *done);
  const std::string text = contents("out");
  const size_t end = text.find('\n');
  const auto first = boost::json::parse(text.substr(0, end)).as_object();
  const auto second = boost::json::parse(text.substr(end + 1)).as_object();
  EXPECT_EQ(first.at("id"), 1);
  EXPECT_EQ(first.at("text"), "40 41 ");
  EXPECT_EQ(first.at("token_ids"), (boost::json::array{40, 41}));
  EXPECT_EQ(second.at("id"), "é");
  EXPECT_EQ(second.at("token_ids"), (boost::json::array{50}));
}

}  // namespace
}  // namespace ernie
