/// What the fuzz targets have collected, replayed without them: nothing may crash.

#include <gtest/gtest.h>

#include <functional>

#include "checkpoint/checkpoint_test_files.h"
#include "checkpoint/model_config.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shard_index.h"

namespace ernie {
namespace {

int for_each_file(const char* corpus, const std::function<void(std::string)>& parse) {
  int num_files = 0;
  const auto directory = std::filesystem::path(ERNIE_SOURCE_DIR) / "tests/fuzz/corpus" / corpus;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    parse(read_file(entry.path().string()));
    ++num_files;
  }
  return num_files;
}

TEST(FuzzCorpus, Safetensors) {
  EXPECT_GT(for_each_file("safetensors",
                          [](std::string bytes) {
                            const auto file = SafetensorsFile::open(
                                ByteSource::from_string("x", std::move(bytes)));
                            EXPECT_TRUE(file || !file.error().message.empty());
                          }),
            0);
}

TEST(FuzzCorpus, Config) {
  EXPECT_GT(for_each_file("config",
                          [](const std::string& text) {
                            const auto config = parse_model_config(text, "x");
                            EXPECT_TRUE(config || !config.error().message.empty());
                          }),
            0);
}

TEST(FuzzCorpus, Index) {
  EXPECT_GT(for_each_file("index",
                          [](const std::string& text) {
                            const auto index = parse_shard_index(text, "x");
                            EXPECT_TRUE(index || !index.error().message.empty());
                          }),
            0);
}

}  // namespace
}  // namespace ernie
