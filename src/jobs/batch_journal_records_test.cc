// Journals whose bytes are right but whose records are not those of the job, and the edges of what
// a job may be.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/test_directory.h"
#include "jobs/batch_journal.h"

namespace ernie {
namespace {

using Existing = BatchJournal::Existing;

class JournalRecordsTest : public testing::Test {
 protected:
  Result<BatchJournal> open(int64_t num_rows) {
    return BatchJournal::open(path_, job_, num_rows, Existing::kContinue);
  }
  std::string contents() { return *read_text_file(path_, 1 << 20); }
  void append(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
  }
  /// The bytes of the records of these rows.
  std::string records(const std::vector<int64_t>& rows) {
    std::filesystem::remove(path_);
    auto journal = open(100).value();
    const size_t header = contents().size();
    for (const int64_t row : rows) {
      EXPECT_TRUE(journal.append(row, row % 2 == 1, "row " + std::to_string(row)));
    }
    const std::string bytes = contents().substr(header);
    EXPECT_TRUE(journal.remove());
    return bytes;
  }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("out.journal");
  JobFingerprint job_{"in", "model", 512, "settings"};
};

TEST_F(JournalRecordsTest, ARowBeyondTheFileEndsWhatIsBelieved) {
  const std::string bytes = records({1, 5, 0});
  { ASSERT_TRUE(open(5)); }
  append(bytes);
  const auto journal = open(5);
  ASSERT_TRUE(journal);
  EXPECT_TRUE(journal->has(1));
  EXPECT_FALSE(journal->has(0)) << "it stands behind a record that cannot be";
  EXPECT_EQ(journal->num_finished(), 1);
  EXPECT_EQ(journal->num_failed(), 1);
  EXPECT_EQ(journal->num_bytes_dropped(), bytes.size() - records({1}).size());
}

TEST_F(JournalRecordsTest, ARowThatIsThereTwiceCountsOnce) {
  const std::string one = records({2});
  { ASSERT_TRUE(open(3)); }
  append(one + one);
  const auto journal = open(3);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->num_finished(), 1);
  EXPECT_EQ(journal->num_bytes_dropped(), one.size());
}

TEST_F(JournalRecordsTest, TheSameRowInAnotherSpellingIsNoRecord) {
  const std::string one = records({2});
  { ASSERT_TRUE(open(3)); }
  const std::string header = contents();
  for (const std::string& other :
       {"0" + one, "+" + one, " " + one, "-" + one, one.substr(0, one.size() - 1) + "\r\n"}) {
    std::ofstream(path_, std::ios::binary) << header << other;
    const auto journal = open(3);
    ASSERT_TRUE(journal);
    EXPECT_EQ(journal->num_finished(), 0) << other;
  }
}

TEST_F(JournalRecordsTest, AFingerprintMayHoldAnything) {
  job_.input = "a\tb";
  job_.model = "c\nd";
  job_.flags = std::string("e\0f", 3);
  { ASSERT_TRUE(open(1)->append(0, false, "x")); }
  const std::string header = contents().substr(0, contents().find('\n'));
  EXPECT_EQ(std::ranges::count(header, '\t'), 4) << "fields of one line";
  EXPECT_EQ(header.find('\0'), std::string::npos);
  EXPECT_TRUE(open(1)->has(0));
  EXPECT_EQ(BatchJournal::max_model_len(path_), 512);
}

TEST_F(JournalRecordsTest, ALongFingerprintGoesOnToo) {
  job_.flags = std::string(100'000, 'n');
  { ASSERT_TRUE(open(1)->append(0, false, "x")); }
  EXPECT_TRUE(open(1)->has(0));
  job_.flags.back() = 'm';
  EXPECT_FALSE(open(1)) << "it differs only at its end";
}

TEST_F(JournalRecordsTest, ADamagedHeaderIsSaidToBeOne) {
  { ASSERT_TRUE(open(1)->append(0, false, "x")); }
  std::string bytes = contents();
  const size_t checksum = bytes.find('\n') - 1;
  bytes[checksum] = bytes[checksum] == '0' ? '1' : '0';
  std::ofstream(path_, std::ios::binary) << bytes;
  const auto journal = open(1);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().message, path_ +
                                         ": cannot continue this job: its first line is damaged; "
                                         "--restart discards it");
  std::ofstream(path_, std::ios::binary) << "x" << bytes;
  EXPECT_NE(open(1).error().message.find("it is not a journal of this program"), std::string::npos);
}

TEST_F(JournalRecordsTest, AJobWithoutRowsHasAnEmptyOutput) {
  auto journal = open(0).value();
  EXPECT_EQ(journal.num_rows(), 0);
  ASSERT_TRUE(journal.write_output(folder_.file("out")));
  EXPECT_EQ(*read_text_file(folder_.file("out"), 10), "");
}

TEST_F(JournalRecordsTest, AnOutputThatCannotBeWrittenLeavesTheJournal) {
  auto journal = open(1).value();
  ASSERT_TRUE(journal.append(0, false, "x"));
  EXPECT_FALSE(journal.write_output(folder_.file("absent/out")));
  EXPECT_TRUE(std::filesystem::exists(path_));
  ASSERT_TRUE(journal.write_output(folder_.file("out"))) << "and it can be tried again";
  EXPECT_EQ(*read_text_file(folder_.file("out"), 10), "x\n");
}

TEST_F(JournalRecordsTest, OpeningNeedsADirectory) {
  const auto journal =
      BatchJournal::open(folder_.file("absent/out.journal"), job_, 1, Existing::kContinue);
  ASSERT_FALSE(journal);
  EXPECT_NE(journal.error().message.find("No such file or directory"), std::string::npos);
  EXPECT_FALSE(BatchJournal::max_model_len(folder_.file("absent/out.journal")));
}

using JournalRecordsDeathTest = JournalRecordsTest;

TEST_F(JournalRecordsDeathTest, ARowIsAddedOnceAndAnOutputIsWhole) {
  auto journal = open(2).value();
  ASSERT_TRUE(journal.append(1, false, "x"));
  EXPECT_DEATH((void)journal.append(1, false, "y"), "row 1");
  EXPECT_DEATH((void)journal.write_output(folder_.file("out")), "a row is not there");
}

}  // namespace
}  // namespace ernie
