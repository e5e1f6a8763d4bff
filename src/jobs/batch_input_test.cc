#include "jobs/batch_input.h"

#include <gtest/gtest.h>

#include "base/test_directory.h"

namespace ernie {
namespace {

/// Rows until the end, or the error's words.
std::string read_all(const std::string& path, const InputSummary& summary) {
  auto input = BatchInput::open(path, summary);
  std::string all;
  while (true) {
    const auto line = input->next();
    if (!line) return all + line.error().message;
    if (!*line) return all + ".";
    all += (*line)->text + " ";
  }
}

TEST(BatchInput, IsReadAsItWasSummarized) {
  const TestDirectory folder;
  const std::string path = folder.write("in", "one\r\n\n  \ntwo\nthree");
  const InputSummary summary = summarize_input(path).value();
  EXPECT_EQ(summary.num_rows(), 3);
  EXPECT_EQ(read_all(path, summary), "one two three .");
  // What is appended later does not belong to the job.
  folder.write("in", "one\r\n\n  \ntwo\nthree\nfour\n");
  EXPECT_EQ(read_all(path, summary), "one two three .");
}

TEST(BatchInput, AChangeEndsTheReading) {
  const TestDirectory folder;
  const std::string path = folder.write("in", "one\ntwo\nthree\n");
  const InputSummary summary = summarize_input(path).value();
  const std::string begin = path + ": changed while the job ran: ";
  const auto expect_read = [&](const std::string& contents, const std::string& said) {
    folder.write("in", contents);
    EXPECT_TRUE(read_all(path, summary).starts_with(said)) << read_all(path, summary);
  };
  expect_read("one\ntWo\nthree\n", "one " + begin + "line 2 has another content; ");
  expect_read("one\ntwo\nthree\r", "one two " + begin + "line 3 has another content; ");
  expect_read("one\ntwo\n", "one two " + begin + "got its end behind 2 rows, expected 3; ");
  expect_read("", begin + "got its end behind 0 rows, expected 3; ");
  expect_read("one\ntw\no\nthre\n", "one " + begin + "line 2 has another content; ");
  expect_read("x\nx\nx\nx\nx\nx\n", begin + "line 1 has another content; ");
}

TEST(BatchInput, ALineThatIsTooLongIsComparedAsAWhole) {
  const TestDirectory folder;
  const std::string much(kMaxLineBytes + 1, 'x');
  const std::string path = folder.write("in", much + "a\n");
  const InputSummary summary = summarize_input(path).value();
  EXPECT_EQ(read_all(path, summary), " .");
  folder.write("in", much + "b\n");
  EXPECT_TRUE(read_all(path, summary).starts_with(path + ": changed"));
}

}  // namespace
}  // namespace ernie
