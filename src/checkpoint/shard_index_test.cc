#include "checkpoint/shard_index.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint_test_files.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;

std::string index_with(const std::string& file) {
  return R"({"metadata": {"total_size": 1}, "weight_map": {"a": "one.safetensors", "b": )" + file +
         "}}";
}

TEST(ShardIndex, ReadsFilesAndTensors) {
  const auto index = parse_shard_index(index_with("\"sub/two.safetensors\""), "index.json");
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->files, (std::vector<std::string>{"one.safetensors", "sub/two.safetensors"}));
  EXPECT_EQ(index->file_of_tensor.at("a"), 0u);
  EXPECT_EQ(index->file_of_tensor.at("b"), 1u);
}

TEST(ShardIndex, RefusesPathsThatLeaveTheDirectory) {
  for (const char* file : {"\"/etc/passwd\"", "\"../x\"", "\"a/../../x\"", "\"a/..\"", "\"..\"",
                           "\"\"", "\"a\\u0000b\"", "\"a/\"", "1", "null", "[\"x\"]"}) {
    const auto index = parse_shard_index(index_with(file), "index.json");
    ASSERT_FALSE(index) << file;
    EXPECT_NE(index.error().message.find("index.json: tensor \"b\": got "), std::string::npos)
        << index.error().message;
    EXPECT_NE(index.error().message.find("expected a file inside the directory"),
              std::string::npos);
  }
}

TEST(ShardIndex, RefusesOtherDocuments) {
  for (const char* text : {"", "{}", "[]", R"({"weight_map": []})", R"({"weight_map": {}})",
                           R"({"weight_map": {"a": "x", "a": "x"}})"}) {
    const auto index = parse_shard_index(text, "index.json");
    ASSERT_FALSE(index) << text;
    EXPECT_TRUE(index.error().message.starts_with("index.json: ")) << index.error().message;
  }
}

TEST(ShardIndex, FollowsLinksOnlyInside) {
  const TestDirectory outside, directory;
  outside.write("secret", "x");
  directory.write("real", "x");
  fs::create_symlink("real", directory.file("inner"));
  fs::create_symlink(outside.file("secret"), directory.file("outer"));
  fs::create_directory_symlink(outside.path(), directory.file("folder"));
  const auto resolve = [&](const char* file) {
    return resolve_shard_path(directory.path(), file, "index.json");
  };
  EXPECT_TRUE(resolve("real"));
  EXPECT_TRUE(resolve("inner"));
  EXPECT_EQ(resolve("missing").error().code, ErrorCode::kNotFound);
  for (const char* file : {"outer", "folder/secret", "../"}) {
    const auto path = resolve(file);
    ASSERT_FALSE(path) << file;
    EXPECT_EQ(path.error().code, ErrorCode::kCorruptData);
    EXPECT_NE(path.error().message.find(file), std::string::npos) << path.error().message;
  }
}

TEST(ShardIndex, KnowsTheDownloadCache) {
  const TestDirectory cache;
  fs::create_directories(cache.file("model/snapshots/abc"));
  fs::create_directories(cache.file("model/blobs"));
  cache.write("model/blobs/123", "x");
  cache.write("model/other", "x");
  const std::string snapshot = cache.file("model/snapshots/abc");
  fs::create_symlink("../../blobs/123", snapshot + "/good");
  fs::create_symlink("../../other", snapshot + "/bad");
  EXPECT_TRUE(resolve_shard_path(snapshot, "good", "index.json"));
  EXPECT_FALSE(resolve_shard_path(snapshot, "bad", "index.json"));
}

}  // namespace
}  // namespace ernie
