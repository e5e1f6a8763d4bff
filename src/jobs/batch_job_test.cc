#include "jobs/batch_job.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/test_directory.h"
#include "fake_engine.h"
#include "jobs/batch_journal.h"

namespace ernie {
namespace {

class BatchJobTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.input = folder_.file("in");
    options_.output = folder_.file("out");
    options_.quiet = true;
  }

  void write_input(std::string_view text) {
    ASSERT_TRUE(write_file_atomically(options_.input, text));
  }
  Result<bool> run(int64_t max_num_seqs = 4) {
    LoadedEngine loaded;
    loaded.engine = make_fake_engine({.max_num_seqs = max_num_seqs});
    loaded.tokenizer = make_fake_tokenizer();
    loaded.model_name = "fake";
    loaded.identity = identity_;
    const Interrupt interrupt;
    return run_batch_job(std::move(loaded), options_, interrupt);
  }
  std::string output() { return *read_text_file(options_.output, 1 << 24); }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string row(std::string_view id, std::string_view body) {
    return fmt::format(R"({{"custom_id":"{}","method":"POST","url":"/v1/completions","body":{}}})"
                       "\n",
                       id, body);
  }

  std::string identity_ = "fake";
  const TestDirectory folder_;
  BatchOptions options_;
};

using Names = std::vector<std::string>;

TEST_F(BatchJobTest, OutputIsAFunctionOfInputModelAndSettings) {
  std::string input;
  for (int i = 0; i < 200; ++i) {
    input += row(fmt::to_string(i), R"({"prompt":"p","max_tokens":20,"temperature":1})");
  }
  write_input(input);
  ASSERT_TRUE(*run(1));
  const std::string first = output();
  std::filesystem::remove(options_.output);
  ASSERT_TRUE(*run(64));
  EXPECT_EQ(output(), first);
  EXPECT_EQ(files(), (Names{"in", "out"}));
  EXPECT_NE(first.substr(first.find("\"text\""), 60), first.substr(first.rfind("\"text\""), 60))
      << "rows without a seed draw differently";

  std::filesystem::remove(options_.output);
  options_.seed = 1;
  ASSERT_TRUE(*run(64));
  EXPECT_NE(output(), first);
}

TEST_F(BatchJobTest, ASeedInTheRequestCounts) {
  write_input(row("a", R"({"prompt":"p","seed":5})") + row("b", R"({"prompt":"p","seed":5})"));
  ASSERT_TRUE(*run());
  const std::string text = output();
  const auto choice = [&](size_t at) { return text.substr(at, text.find("}]", at) - at); };
  EXPECT_EQ(choice(text.find("\"choices\"")), choice(text.rfind("\"choices\"")));
}

TEST_F(BatchJobTest, RowsWithErrorsDoNotStopTheOthers) {
  write_input("bad\n" + row("a", R"({"prompt":"p"})") + row("a", R"({"prompt":"p"})") +
              row("b", R"({"prompt":"p","min_p":9})") + row("c", R"({"prompt":"p","model":"x"})") +
              row("d", R"({"prompt":"p","model":"org/fake"})"));
  const auto done = run();
  ASSERT_TRUE(done);
  EXPECT_FALSE(*done);
  const std::string text = output();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
  size_t at = 0;
  for (const auto expected :
       {"\"code\":\"invalid_json\"", "\"status_code\":200", "\"code\":\"duplicate_custom_id\"",
        "\"status_code\":400", "\"status_code\":404", "\"status_code\":200"}) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    EXPECT_NE(line.find(expected), std::string::npos) << line;
    at = text.find('\n', at) + 1;
  }
}

TEST_F(BatchJobTest, AFinishedJobIsRecognised) {
  write_input(row("a", R"({"prompt":"p"})") + "bad\n");
  ASSERT_FALSE(*run());
  const auto time = std::filesystem::last_write_time(options_.output);
  const auto again = run();
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again) << "the failed row counts again";
  EXPECT_EQ(std::filesystem::last_write_time(options_.output), time);
  EXPECT_EQ(files(), (Names{"in", "out"}));
}

TEST_F(BatchJobTest, AnOutputOfAnotherJobIsKeptUnlessAsked) {
  write_input(row("a", R"({"prompt":"p"})"));
  for (const std::string_view other : {"", "precious\n", "{\"id\":\"batch_req_0\"}\n"}) {
    ASSERT_TRUE(write_file_atomically(options_.output, other));
    options_.overwrite = false;
    ASSERT_FALSE(run());
    EXPECT_EQ(output(), other);
    EXPECT_EQ(files(), (Names{"in", "out"}));
    options_.overwrite = true;
    ASSERT_TRUE(run());
    EXPECT_NE(output(), other);
  }
}

TEST_F(BatchJobTest, AnotherModelIsAnotherJob) {
  write_input(row("a", R"({"prompt":"p"})"));
  ASSERT_TRUE(run());
  identity_ = "other";
  EXPECT_FALSE(run());
}

TEST_F(BatchJobTest, TheJournalTellsTheContextLength) {
  const std::string path = options_.output + ".journal";
  EXPECT_EQ(max_model_len_of_journal(options_.output), 0);
  const JobFingerprint job{"in", "model", 512, "seed=0 names=max-model-len=7"};
  ASSERT_TRUE(BatchJournal::open(path, job, 3, BatchJournal::Existing::kContinue));
  EXPECT_EQ(max_model_len_of_journal(options_.output), 512);
  const std::string header = *read_text_file(path, 1 << 16);
  for (const size_t at : {size_t{0}, header.find("512"), header.size() - 2}) {
    std::string changed = header;
    changed[at] = changed[at] == '1' ? '2' : '1';
    ASSERT_TRUE(write_file_atomically(path, changed));
    EXPECT_EQ(max_model_len_of_journal(options_.output), 0) << changed;
  }
  for (const std::string_view text : {"", "\n", "max-model-len=512 \n"}) {
    ASSERT_TRUE(write_file_atomically(path, text));
    EXPECT_EQ(max_model_len_of_journal(options_.output), 0) << text;
  }
}

TEST_F(BatchJobTest, EmptyInput) {
  write_input("\n\n");
  ASSERT_TRUE(*run());
  EXPECT_EQ(output(), "");
  EXPECT_TRUE(*run());
}

TEST_F(BatchJobTest, PathsAreChecked) {
  write_input("");
  options_.output = options_.input;
  EXPECT_FALSE(run());
  options_.output = folder_.path();
  EXPECT_FALSE(run());
  options_.output = folder_.file("nowhere/out");
  EXPECT_FALSE(run());
  options_.input = folder_.file("absent");
  EXPECT_FALSE(run());
}

}  // namespace
}  // namespace ernie
