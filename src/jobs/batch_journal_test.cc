#include "jobs/batch_journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/file.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

using Existing = BatchJournal::Existing;

class BatchJournalTest : public testing::Test {
 protected:
  Result<BatchJournal> open(Existing existing = Existing::kContinue) {
    return BatchJournal::open(path_, job_, 5, existing);
  }
  std::string contents(const std::string& path) { return *read_text_file(path, 1 << 20); }
  void overwrite(std::string_view bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  /// A journal with rows 3 and 1.
  void write_two() {
    auto journal = open();
    ASSERT_TRUE(journal) << journal.error().message;
    ASSERT_TRUE(journal->append(3, true, "three"));
    ASSERT_TRUE(journal->append(1, false, "one"));
  }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("out.journal");
  JobFingerprint job_{"in", "model", 512, "settings"};
};

TEST_F(BatchJournalTest, RowsComeBack) {
  write_two();
  auto journal = open();
  ASSERT_TRUE(journal);
  EXPECT_TRUE(journal->has(1) && journal->has(3));
  EXPECT_FALSE(journal->has(0) || journal->has(2) || journal->has(4));
  EXPECT_EQ(journal->num_finished(), 2);
  EXPECT_EQ(journal->num_failed(), 1);
  EXPECT_EQ(journal->num_bytes_dropped(), 0u);
  for (const int64_t row : {4, 0, 2}) ASSERT_TRUE(journal->append(row, false, fmt::to_string(row)));
  ASSERT_TRUE(journal->write_output(folder_.file("out")));
  EXPECT_EQ(contents(folder_.file("out")), "0\none\n2\nthree\n4\n");
  ASSERT_TRUE(journal->remove());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(BatchJournalTest, EveryTornTailIsCutOff) {
  write_two();
  const std::string whole = contents(path_);
  const size_t header = whole.find('\n') + 1;
  const size_t first = whole.find("three\n") + 6;
  for (size_t size = 0; size <= whole.size(); ++size) {
    overwrite(whole.substr(0, size));
    {
      auto journal = open();
      ASSERT_TRUE(journal) << size << ": " << journal.error().message;
      EXPECT_EQ(journal->has(3), size >= first) << size;
      EXPECT_EQ(journal->has(1), size == whole.size()) << size;
      if (!journal->has(1)) {
        ASSERT_TRUE(journal->append(1, false, "one"));
      }
      if (!journal->has(3)) {
        ASSERT_TRUE(journal->append(3, true, "three"));
      }
    }
    auto again = open();
    EXPECT_EQ(again->num_finished(), 2) << size;
    EXPECT_EQ(again->num_bytes_dropped(), 0u) << size;
    EXPECT_EQ(contents(path_).size(), whole.size()) << size;
  }
  EXPECT_LT(header, first);
}

TEST_F(BatchJournalTest, EveryLostByteIsNoticed) {
  write_two();
  const std::string whole = contents(path_);
  for (size_t i = whole.find('\n') + 1; i < whole.size(); ++i) {
    for (const char damage : {'\0', static_cast<char>(whole[i] ^ 1), '\n'}) {
      if (damage == whole[i]) continue;
      std::string damaged = whole;
      damaged[i] = damage;
      overwrite(damaged);
      auto journal = open();
      ASSERT_TRUE(journal);
      EXPECT_LT(journal->num_finished(), 2) << "byte " << i;
      EXPECT_GT(journal->num_bytes_dropped(), 0u) << "byte " << i;
    }
  }
}

TEST_F(BatchJournalTest, LinesMayHoldAnythingButNewlines) {
  std::mt19937 random(1);
  std::vector<std::string> lines;
  {
    auto journal = open();
    for (int64_t row = 0; row < 5; ++row) {
      std::string line(static_cast<size_t>(row) * 1000, '\0');
      for (char& c : line) c = static_cast<char>(random() % 256);
      std::replace(line.begin(), line.end(), '\n', ' ');
      ASSERT_TRUE(journal->append(row, false, line));
      lines.push_back(line);
    }
  }
  auto journal = open();
  ASSERT_EQ(journal->num_finished(), 5);
  ASSERT_TRUE(journal->write_output(folder_.file("out")));
  EXPECT_EQ(contents(folder_.file("out")), fmt::format("{}\n", fmt::join(lines, "\n")));
}

TEST_F(BatchJournalTest, AnotherJobIsRefusedByName) {
  write_two();
  const std::string before = contents(path_);
  const JobFingerprint own = job_;
  const auto expect_another = [&](std::string_view name) {
    const auto journal = open();
    ASSERT_FALSE(journal) << name;
    EXPECT_NE(journal.error().message.find(fmt::format("another {}", name)), std::string::npos)
        << journal.error().message;
    job_ = own;
  };
  job_.input = "in2";
  expect_another("input file");
  job_.model = "model2";
  expect_another("model");
  job_.flags = "settings2";
  expect_another("settings");
  job_.max_model_len = 513;
  expect_another("settings");
  EXPECT_EQ(contents(path_), before);
  job_.input = "in2";
  EXPECT_EQ(open(Existing::kDiscard)->num_finished(), 0);
}

TEST_F(BatchJournalTest, AForeignFileIsNotTouched) {
  for (const std::string_view foreign : {"my diary\n", "x", "ernie-batch-journal-1\n"}) {
    overwrite(foreign);
    EXPECT_FALSE(open()) << foreign;
    EXPECT_EQ(contents(path_), foreign);
  }
  EXPECT_TRUE(open(Existing::kDiscard));
}

TEST_F(BatchJournalTest, ATornHeaderBeginsAnew) {
  { ASSERT_TRUE(open()); }
  const std::string header = contents(path_);
  for (size_t size = 0; size <= header.size(); ++size) {
    overwrite(header.substr(0, size));
    EXPECT_TRUE(open()) << size;
    overwrite(std::string(size, '\0'));
    EXPECT_TRUE(open()) << size;
    EXPECT_EQ(contents(path_), header);
  }
}

TEST_F(BatchJournalTest, OneAtATime) {
  auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another run"), std::string::npos);
  ASSERT_TRUE(first->remove());
  EXPECT_TRUE(open()) << "a removed journal's lock is nobody's";
}

}  // namespace
}  // namespace ernie
