#include "base/output_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/file_handle.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;

bool is_refused(const std::vector<std::string>& inputs, const std::string& output) {
  return !check_outputs(inputs, {output});
}

TEST(CheckOutputs, AnInputIsNoOutputWhateverItsName) {
  const TestDirectory folder;
  const std::string input = folder.write("in", "x");
  fs::create_symlink(input, folder.file("link"));
  fs::create_hard_link(input, folder.file("twin"));
  fs::create_directory(folder.file("sub"));
  for (const char* name : {"in", "link", "twin", "./in", "sub/../in"}) {
    EXPECT_TRUE(is_refused({"", input}, folder.file(name))) << name;
  }
  const std::string other = folder.write("other", "x");
  EXPECT_FALSE(is_refused({input}, other));
  EXPECT_FALSE(is_refused({input}, folder.file("new")));
  EXPECT_FALSE(is_refused({folder.file("absent")}, folder.file("absent")));
  EXPECT_FALSE(is_refused({input}, ""));
  EXPECT_FALSE(is_refused({"/dev/null"}, "/dev/null"));
}

TEST(CheckOutputs, TheFileThatIsWrittenFirstCountsToo) {
  const TestDirectory folder;
  const std::string input = folder.write("out.tmp", "x");
  EXPECT_TRUE(is_refused({input}, folder.file("out")));
}

TEST(CheckOutputs, OfADirectoryEveryFileIsAnInput) {
  const TestDirectory folder;
  fs::create_directory(folder.file("model"));
  const std::string weights = folder.write("model/model.safetensors", "x");
  const auto checked = check_outputs({folder.file("model")}, {weights});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            weights + ": got a file that this command reads, expected another one");
  EXPECT_FALSE(is_refused({folder.file("model")}, folder.file("model/new.json")));
}

TEST(CheckReplaceable, OnlyFilesAreReplaced) {
  const TestDirectory folder;
  EXPECT_TRUE(check_replaceable(folder.file("new")));
  EXPECT_TRUE(check_replaceable(folder.write("old", "x")));
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(check_replaceable(folder.file("pipe")).error().message,
            folder.file("pipe") + ": got a pipe, expected a regular file or none");
  EXPECT_FALSE(check_replaceable("/dev/null"));
  EXPECT_FALSE(check_replaceable(folder.path()));
}

TEST(OpenRegular, RefusesWhatWouldHangOrNeverEnd) {
  const TestDirectory folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const std::string pipe = folder.file("pipe");
  EXPECT_EQ(FileHandle::open_regular(pipe).error().message,
            pipe + ": got a pipe, expected a regular file");
  EXPECT_EQ(read_text_file("/dev/zero", 100).error().message,
            "/dev/zero: got a device, expected a regular file");
  EXPECT_EQ(ByteSource::map_file(folder.path()).error().message,
            folder.path() + ": got a directory, expected a regular file");
  EXPECT_TRUE(FileHandle::open_regular(folder.write("file", "x")));
}

}  // namespace
}  // namespace ernie
