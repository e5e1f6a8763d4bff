#include "checkpoint/safetensors_writer.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint_test_files.h"
#include "checkpoint/safetensors.h"

namespace ernie {
namespace {

std::vector<SafetensorsPlan> plan() {
  return {
      {"half", DType::kBF16, {3}}, {"odd \"name\"", DType::kU8, {5}}, {"wide", DType::kF32, {2}}};
}

Result<SafetensorsFile> open_path(const std::string& path) {
  ERNIE_TRY(ByteSource source, ByteSource::map_file(path));
  return SafetensorsFile::open(std::move(source));
}

size_t num_files(const TestDirectory& directory) {
  const std::filesystem::directory_iterator files(directory.path());
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TestDirectory directory;
  const std::string path = directory.file("x.safetensors");
  auto writer = SafetensorsWriter::create(path, plan(), {{"format", "pt"}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_EQ(writer->tensors().size(), 3u);
  EXPECT_EQ(writer->tensors()[0].name, "wide");
  const std::string data = patterned_bytes(8 + 6 + 5);
  for (const char& byte : data) ASSERT_TRUE(writer->append(std::as_bytes(std::span(&byte, 1))));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer->finish());
  const auto file = open_path(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->num_bytes(), writer->file_bytes());
  EXPECT_EQ(file->find("half")->shape, (Shape{3}));
  std::string read;
  for (const SafetensorsEntry& entry : file->entries()) {
    const auto bytes = file->bytes(entry);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % dtype_bytes(entry.dtype), 0u);
    read.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  EXPECT_EQ(read, data);
  EXPECT_EQ(num_files(directory), 1u);
}

TEST(SafetensorsWriter, AnUnfinishedFileLeavesNothing) {
  const TestDirectory directory;
  {
    auto writer = SafetensorsWriter::create(directory.file("x.safetensors"), plan(), {});
    ASSERT_TRUE(writer);
    const SafetensorsWriter moved = *std::move(writer);
    EXPECT_EQ(num_files(directory), 1u);
  }
  EXPECT_EQ(num_files(directory), 0u);
}

TEST(SafetensorsWriter, AHoleReadsAsZeros) {
  const TestDirectory directory;
  auto writer = SafetensorsWriter::create(directory.file("x.safetensors"),
                                          {{"big", DType::kF32, {1 << 20, 1 << 10}}}, {});
  ASSERT_TRUE(writer);
  writer->append_hole();
  ASSERT_TRUE(writer->finish());
  const auto file = open_path(directory.file("x.safetensors"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->bytes(*file->find("big"))[1234567], std::byte{0});
}

TEST(SafetensorsWriter, SaysWhereItCannotWrite) {
  const auto writer = SafetensorsWriter::create("/nowhere/at/all/x.safetensors", plan(), {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::kNotFound);
  EXPECT_NE(writer.error().message.find("/nowhere/at/all/x.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace ernie
