#include "jobs/prompt_job.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/test_directory.h"
#include "fake_engine.h"

namespace ernie {
namespace {

class PromptJobTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.input = folder_.file("in");
    options_.output = folder_.file("out");
    options_.quiet = true;
  }

  Result<bool> run(int64_t max_num_seqs) {
    LoadedEngine loaded;
    loaded.engine = make_fake_engine({.max_num_seqs = max_num_seqs});
    loaded.tokenizer = make_fake_tokenizer();
    const Interrupt interrupt;
    return run_prompt_file(std::move(loaded), options_, interrupt);
  }
  std::string output() { return *read_text_file(options_.output, 1 << 24); }

  const TestDirectory folder_;
  PromptOptions options_;
};

TEST_F(PromptJobTest, ResultsStandInTheInputsOrder) {
  std::string input;
  for (int i = 0; i < 3000; ++i) {
    // The first row outlasts more rows than may wait for it.
    input += fmt::format(R"({{"id":{},"prompt":"p{}","max_tokens":{},"ignore_eos":true}})", i, i,
                         i == 0 ? 1500 : 1 + i % 3) +
             "\n";
  }
  ASSERT_TRUE(write_file_atomically(options_.input, input));
  const auto done = run(8);
  ASSERT_TRUE(done && *done);
  const std::string text = output();
  size_t at = 0;
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(std::string_view(text).substr(at).starts_with(fmt::format("{{\"id\":{},", i)));
    at = text.find('\n', at) + 1;
  }
  EXPECT_EQ(at, text.size());
}

TEST_F(PromptJobTest, OutputIsAFunctionOfInputAndSeed) {
  std::string input;
  for (int i = 0; i < 50; ++i)
    input += R"({"prompt":"same","temperature":1})"
             "\n";
  ASSERT_TRUE(write_file_atomically(options_.input, input));
  ASSERT_TRUE(run(1));
  const std::string first = output();
  ASSERT_TRUE(run(16));
  EXPECT_EQ(output(), first);
  options_.seed = 1;
  ASSERT_TRUE(run(16));
  EXPECT_NE(output(), first);
}

TEST_F(PromptJobTest, BadLinesBecomeErrorsAndTheJobGoesOn) {
  ASSERT_TRUE(write_file_atomically(
      options_.input,
      "{\"prompt\":\"a\"}\n\nbad\n{\"prompt\":\"a\",\"top_k\":-5}\n{\"prompt\":\"b\"}"));
  const auto done = run(4);
  ASSERT_TRUE(done);
  EXPECT_FALSE(*done);
  const std::string text = output();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_NE(text.find(R"({"id":3,"error":{"message":"line 3: not valid JSON)"), std::string::npos);
  EXPECT_NE(text.find(R"({"id":4,"error":{"message":"line 4: top_k: )"), std::string::npos);
}

TEST_F(PromptJobTest, RefusesToOverwriteItsInput) {
  ASSERT_TRUE(write_file_atomically(options_.input, "{\"prompt\":\"a\"}"));
  options_.output = options_.input;
  EXPECT_FALSE(run(1));
  EXPECT_EQ(output(), "{\"prompt\":\"a\"}");
}

TEST_F(PromptJobTest, AFullDiskIsAnError) {
  ASSERT_TRUE(write_file_atomically(options_.input, "{\"prompt\":\"a\"}"));
  options_.output = "/dev/full";
  const auto done = run(1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace ernie
