#include "jobs/line_reader.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/test_directory.h"
#include "jobs/batch_input.h"

namespace ernie {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  void write(std::string_view contents) { ASSERT_TRUE(write_file_atomically(path_, contents)); }

  /// "number:text" of each line.
  std::vector<std::string> lines(uint64_t max_bytes = UINT64_MAX) {
    auto reader = LineReader::open(path_, max_bytes);
    std::vector<std::string> all;
    while (true) {
      auto line = reader->next();
      if (!line || !*line) return all;
      const LineReader::Line& found = **line;
      all.push_back(fmt::format("{}:{}", found.number, found.too_long ? "too long" : found.text));
    }
  }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("lines");
};

using Lines = std::vector<std::string>;

TEST_F(LineReaderTest, SkipsBlankLinesAndCountsThem) {
  write("a\n\n  \t\r\nb\r\n\nc");
  EXPECT_EQ(lines(), (Lines{"1:a", "4:b", "6:c"}));
  EXPECT_EQ(summarize_input(path_)->num_rows(), 3);
  write("");
  EXPECT_EQ(lines(), Lines{});
  write("\n\n");
  EXPECT_EQ(lines(), Lines{});
  write("a\n");
  EXPECT_EQ(lines(), Lines{"1:a"});
}

TEST_F(LineReaderTest, LinesOfEveryLengthAroundTheChunk) {
  std::string contents;
  Lines expected;
  for (size_t i = 0; i < 40; ++i) {
    const std::string line(1 + i * 13001 % 300000, static_cast<char>('a' + i % 26));
    contents += line + "\n";
    expected.push_back(fmt::format("{}:{}", i + 1, line));
  }
  write(contents);
  EXPECT_EQ(lines(), expected);
  EXPECT_EQ(summarize_input(path_)->num_bytes, contents.size());
}

TEST_F(LineReaderTest, ALineThatIsTooLongIsPassedOver) {
  write(std::string(kMaxLineBytes, 'x') + "\n" + std::string(kMaxLineBytes + 1, 'y') + "\nz\n");
  const Lines all = lines();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].size(), 2 + kMaxLineBytes);
  EXPECT_EQ(all[1], "2:too long");
  EXPECT_EQ(all[2], "3:z");
  EXPECT_EQ(summarize_input(path_)->num_rows(), 3);
}

TEST_F(LineReaderTest, ReadsNoFurtherThanAsked) {
  write("one\ntwo\nthree\n");
  EXPECT_EQ(lines(8), (Lines{"1:one", "2:two"}));
  EXPECT_EQ(lines(6), (Lines{"1:one", "2:tw"}));
}

TEST_F(LineReaderTest, TheSummaryKnowsOneByteFromAnother) {
  write("one\ntwo\n");
  const auto first = summarize_input(path_);
  write("one\ntwp\n");
  const auto second = summarize_input(path_);
  EXPECT_EQ(first->num_bytes, second->num_bytes);
  EXPECT_NE(first->checksum, second->checksum);
}

TEST_F(LineReaderTest, WhatIsNoFileIsAnError) {
  EXPECT_FALSE(LineReader::open(path_));
  EXPECT_FALSE(summarize_input(path_));
  EXPECT_FALSE(summarize_input(folder_.path()));
  EXPECT_FALSE(summarize_input("/dev/null"));
}

}  // namespace
}  // namespace ernie
