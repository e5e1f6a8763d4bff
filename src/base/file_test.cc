#include "base/file.h"
#include "base/atomic_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_directory.h"

namespace ernie {
namespace {

class FileTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.file(name); }

  const TestDirectory directory_;
};

TEST_F(FileTest, WritesAndReadsBack) {
  ASSERT_TRUE(write_file_atomically(path("a"), "one"));
  ASSERT_TRUE(write_file_atomically(path("a"), "two\n"));
  EXPECT_EQ(read_text_file(path("a"), 100).value(), "two\n");
  EXPECT_EQ(ByteSource::map_file(path("a"))->text(), "two\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1)
      << "nothing else is left";
}

TEST_F(FileTest, ErrorsNameThePath) {
  const auto missing = ByteSource::map_file(path("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, path("missing") + ": cannot open: No such file or directory");
  EXPECT_FALSE(ByteSource::map_file(directory_.path())) << "a directory";
  EXPECT_FALSE(write_file_atomically(path("no/such/directory/a"), "x"));
}

TEST_F(FileTest, DoesNotReadMoreThanAllowed) {
  ASSERT_TRUE(write_file_atomically(path("a"), std::string(1000, 'x')));
  EXPECT_TRUE(read_text_file(path("a"), 1000));
  EXPECT_FALSE(read_text_file(path("a"), 999));
}

TEST_F(FileTest, AMappingOutlivesItsSourceAndItsFileName) {
  ASSERT_TRUE(write_file_atomically(path("a"), "bytes"));
  std::shared_ptr<const void> owner;
  std::string_view text;
  {
    const ByteSource source = ByteSource::map_file(path("a")).value();
    owner = source.owner();
    text = source.text();
  }
  std::filesystem::remove(path("a"));
  EXPECT_EQ(text, "bytes");
}

TEST_F(FileTest, AnEmptyFileIsAnEmptySource) {
  ASSERT_TRUE(write_file_atomically(path("empty"), ""));
  EXPECT_TRUE(ByteSource::map_file(path("empty"))->bytes().empty());
}

}  // namespace
}  // namespace ernie
