#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

class AtomicFileTest : public ::testing::Test {
 protected:
  std::string contents() const { return read_text_file(path_, 100).value(); }
  auto num_files() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("a");
};

TEST_F(AtomicFileTest, TheOldFileIsThereUntilTheNewOneIsWhole) {
  ASSERT_TRUE(write_file_atomically(path_, "old"));
  auto file = AtomicFile::create(path_);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->handle().write_all("new"));
  EXPECT_EQ(contents(), "old");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(contents(), "new");
  EXPECT_EQ(num_files(), 1) << "nothing else is left";
}

TEST_F(AtomicFileTest, WhatIsNotCommittedLeavesNothing) {
  ASSERT_TRUE(write_file_atomically(path_, "old"));
  {
    auto file = AtomicFile::create(path_);
    ASSERT_TRUE(file);
    const AtomicFile moved = *std::move(file);
    ASSERT_TRUE(moved.handle().write_all("half"));
    EXPECT_EQ(num_files(), 2);
  }
  EXPECT_EQ(num_files(), 1);
  EXPECT_EQ(contents(), "old");
}

TEST_F(AtomicFileTest, WhatACrashLeftIsTakenOver) {
  {
    const auto left = FileHandle::open(path_ + ".tmp", O_WRONLY | O_CREAT);
    ASSERT_TRUE(left);
    ASSERT_TRUE(left->write_all("a long rest"));
  }
  ASSERT_TRUE(write_file_atomically(path_, "x"));
  EXPECT_EQ(contents(), "x");
  EXPECT_EQ(num_files(), 1);
}

// A link there could lead to a file that is worth something, and a pipe would be waited for.
TEST_F(AtomicFileTest, NothingButAFileIsTakenOver) {
  const std::string precious = folder_.file("precious"), temporary = path_ + ".tmp";
  ASSERT_TRUE(write_file_atomically(precious, "kept"));
  std::filesystem::create_symlink(precious, temporary);
  EXPECT_FALSE(write_file_atomically(path_, "x"));
  EXPECT_EQ(read_text_file(precious, 100).value(), "kept");
  std::filesystem::remove(temporary);
  ASSERT_EQ(::mkfifo(temporary.c_str(), 0600), 0);
  EXPECT_FALSE(write_file_atomically(path_, "x"));
  std::filesystem::remove(temporary);
  std::filesystem::create_directory(temporary);
  EXPECT_FALSE(write_file_atomically(path_, "x"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AtomicFileTest, TheSecondWriterWaitsForTheFirst) {
  auto first = AtomicFile::create(path_);
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->handle().write_all("fir"));
  std::atomic<bool> done = false;
  std::thread second([&] {
    EXPECT_TRUE(write_file_atomically(path_, "second"));
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(done);
  ASSERT_TRUE(first->handle().write_all("st"));
  ASSERT_TRUE(first->commit());
  second.join();
  EXPECT_EQ(contents(), "second");
  EXPECT_EQ(num_files(), 1);
}

TEST_F(AtomicFileTest, AnErrorNamesThePath) {
  const std::string path = folder_.file("no/such/folder/a");
  const auto written = write_file_atomically(path, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(written.error().message, path + ".tmp: cannot open: No such file or directory");
}

}  // namespace
}  // namespace ernie
