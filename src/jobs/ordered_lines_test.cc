#include "jobs/ordered_lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

class OrderedLinesTest : public testing::Test {
 protected:
  std::string written() const { return *read_text_file(path_, 1 << 20); }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("lines");
  OrderedLines lines_{FileHandle::open(path_, O_WRONLY | O_CREAT | O_TRUNC).value()};
};

TEST_F(OrderedLinesTest, ALineIsWrittenAsSoonAsThoseBeforeItAre) {
  ASSERT_TRUE(lines_.put(2, "two"));
  ASSERT_TRUE(lines_.put(1, "one"));
  EXPECT_EQ(written(), "") << "nothing before the first";
  EXPECT_EQ(lines_.num_written(), 0);
  ASSERT_TRUE(lines_.put(0, "zero"));
  EXPECT_EQ(written(), "zero\none\ntwo\n");
  EXPECT_EQ(lines_.num_written(), 3);
  ASSERT_TRUE(lines_.put(4, "four"));
  ASSERT_TRUE(lines_.put(3, ""));
  EXPECT_EQ(written(), "zero\none\ntwo\n\nfour\n");
}

TEST_F(OrderedLinesTest, FlushWritesTheRestInOrderAndOnce) {
  ASSERT_TRUE(lines_.put(7, "seven"));
  ASSERT_TRUE(lines_.put(0, "zero"));
  ASSERT_TRUE(lines_.put(3, "three"));
  ASSERT_TRUE(lines_.flush());
  EXPECT_EQ(written(), "zero\nthree\nseven\n") << "rows that will not come leave no line";
  ASSERT_TRUE(lines_.flush());
  EXPECT_EQ(written(), "zero\nthree\nseven\n");
}

TEST(OrderedLines, AFullDiskIsAnErrorOfTheLineThatWouldBeWritten) {
  OrderedLines lines(FileHandle::open("/dev/full", O_WRONLY).value());
  EXPECT_TRUE(lines.put(1, "waits"));
  const auto put = lines.put(0, "is written");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kIo);
  EXPECT_FALSE(lines.flush()) << "what waits cannot be written either";
}

TEST(StandardOutput, ClosingItLeavesTheProcesssOwnOpen) {
  testing::internal::CaptureStdout();
  { ASSERT_TRUE(standard_output().write_all("a\n")); }
  ASSERT_TRUE(standard_output().write_all("b\n"));
  EXPECT_NE(::fcntl(STDOUT_FILENO, F_GETFD), -1);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "a\nb\n");
}

}  // namespace
}  // namespace ernie
