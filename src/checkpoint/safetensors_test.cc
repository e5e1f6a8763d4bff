#include "checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include "base/test_source.h"
#include "checkpoint/checkpoint_test_files.h"

namespace ernie {
namespace {

Result<SafetensorsFile> open_bytes(std::string bytes) {
  return SafetensorsFile::open(kept_source("x.safetensors", std::move(bytes)));
}

/// Reads every byte that the file claims to have, for the sanitizers.
uint64_t touch_everything(const SafetensorsFile& file) {
  uint64_t sum = 0;
  for (const SafetensorsEntry& entry : file.entries()) {
    for (const std::byte byte : file.bytes(entry)) sum += std::to_integer<uint64_t>(byte);
  }
  return sum;
}

std::string small_file() {
  return make_safetensors({{"a", "F32", {2, 3}, patterned_bytes(24)},
                           {"b.weight", "BF16", {5}, patterned_bytes(10)},
                           {"empty", "F32", {0, 7}, ""},
                           {"scalar", "U8", {}, "x"}});
}

TEST(Safetensors, ReadsNamesShapesAndBytes) {
  const auto file = open_bytes(small_file());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->entries().size(), 4u);
  const SafetensorsEntry* a = file->find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, DType::kF32);
  EXPECT_EQ(a->shape, (Shape{2, 3}));
  EXPECT_EQ(file->find("empty")->num_bytes(), 0u);
  EXPECT_EQ(file->find("scalar")->shape.rank(), 0u);
  EXPECT_EQ(file->find("c"), nullptr);
  const HostTensor b = file->tensor(*file->find("b.weight"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(b.data()), b.num_bytes()),
            patterned_bytes(10));
  EXPECT_TRUE(open_bytes(with_header("{}", "")));
  EXPECT_TRUE(open_bytes(with_header("{}      ", "")));
}

TEST(Safetensors, HeaderMayNameTensorsInAnyOrder) {
  const auto file = open_bytes(with_header(
      R"({"late":{"data_offsets":[2,4],"shape":[2],"dtype":"U8"},)"
      R"("__metadata__":{"format":"pt","":""},"e\u0061rly":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
      "abcd"));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_NE(file->find("early"), nullptr);
  EXPECT_EQ(std::to_integer<char>(file->bytes(*file->find("early"))[0]), 'a');
  EXPECT_EQ(std::to_integer<char>(file->bytes(*file->find("late"))[0]), 'c');
}

TEST(Safetensors, CopiesWhatIsNotAligned) {
  for (const char* header : {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                             R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )",
                             R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )"}) {
    const auto file = open_bytes(with_header(header, patterned_bytes(8)));
    ASSERT_TRUE(file);
    const HostTensor tensor = file->tensor(file->entries()[0]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 4, 0u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor.data()), 8), patterned_bytes(8));
  }
}

TEST(Safetensors, NamesWhatIsWrong) {
  const std::string long_name(1025, 'n');
  struct Case {
    std::string header;
    std::string data;
    const char* message;
  };
  const Case cases[] = {
      {"", "", "header: got \"\", expected a { first"},
      {" {}", "", "expected a { first"},
      {"[]", "", "expected a { first"},
      {"{", "", "header: got invalid JSON after byte 1"},
      {"{} x", "", "header: got invalid JSON"},
      {"{}{}", "", "header: got invalid JSON"},
      {"{\"a\xff\":{}}", "", "header: got invalid JSON"},
      {R"({"a":1})", "", "tensor \"a\": got a number, expected an object"},
      {R"({"a":[]})", "", "tensor \"a\": got a list, expected an object"},
      {R"({"a":{}})", "", "tensor \"a\": got 0 of dtype, shape and data_offsets"},
      {R"({"a":{"dtype":"U8","shape":[]}})", "", "got 2 of dtype, shape and data_offsets"},
      {R"({"a":{"dtype":"U8","dtype":"U8"}})", "", "tensor \"a\": dtype: got it twice"},
      {R"({"a":{"kind":"U8"}})", "", "tensor \"a\": got the field \"kind\""},
      {R"({"a":{"dtype":"F4"}})", "", "dtype: got \"F4\", expected one that is known"},
      {R"({"a":{"dtype":8}})", "", "dtype: got a number, expected a string"},
      {R"({"a":{"dtype":{}}})", "", "dtype: got an object, expected a string"},
      {R"({"a":{"shape":"2"}})", "", "shape: got a string, expected a list of integers"},
      {R"({"a":{"shape":[[2]]}})", "", "shape: got a list, expected a list of integers"},
      {R"({"a":{"shape":[-1]}})", "", "shape: got -1, expected at least 0"},
      {R"({"a":{"shape":[2.5]}})", "", "shape: got 2.5, expected integers"},
      {R"({"a":{"shape":[null]}})", "", "shape: got null"},
      {R"({"a":{"shape":[1,1,1,1,1]}})", "", "shape: got [1, 1, 1, 1, 1], expected up to 4"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})", "", "shape: got more than 8 numbers"},
      {R"({"a":{"shape":[18446744073709551615]}})", "", "shape: got 18446744073709551615"},
      {R"({"a":{"shape":[3037000500,3037000500,2]}})", "", "whose product fits 63 bits"},
      {R"({"a":{"shape":[4294967296,4294967296,0]}})", "", "whose product fits 63 bits"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", "",
       "data_offsets: got 0 bytes, expected those of F32 [4611686018427387904]"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}})", "01234567",
       "data_offsets: got 8 bytes, expected those of F64"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}})", "ab", "data_offsets: got [0]"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}})", "ab",
       "data_offsets: got [2, 0], expected a begin and an end not before it"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,4]}})", "ab",
       "data_offsets: got [0, 2, 4]"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,3]}})", "abc",
       "tensor \"a\": data_offsets: got 3 bytes, expected those of U8 [2]"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "a",
       "tensor \"a\": data_offsets: got end 2, expected at most 1, where the file ends"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "abc",
       "x.safetensors: got 3 bytes after the header, expected 2 for its tensors"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "abc",
       "data_offsets: got begin 1, expected 0 (there is a hole)"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       "abc", "tensor \"b\": data_offsets: got begin 1, expected 2 (it overlaps another)"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       "ab", "it overlaps another"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
       R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       "ab", "tensor \"a\": got the name twice, expected it once"},
      {R"({"__metadata__":{"a":1}})", "", "__metadata__: got a number, expected only strings"},
      {R"({"__metadata__":{"a":{}}})", "", "__metadata__: got an object"},
      {R"({"__metadata__":{"a":"","a":""}})", "", "__metadata__: got the key \"a\" twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "", "__metadata__: got it twice"},
      {R"({"__metadata__":{"a":")" + std::string(1 << 20, 'm') + "\"}}", "", "__metadata__: got"},
      {"{\"" + long_name + "\":{}}", "", "got a text of more than 1024 bytes"},
      {"{\"a\\nb\":1}", "", "tensor \"a\\x0ab\": got a number"},
  };
  for (const Case& test : cases) {
    const auto file = open_bytes(with_header(test.header, test.data));
    ASSERT_FALSE(file) << test.header.substr(0, 200);
    const std::string& message = file.error().message;
    EXPECT_EQ(file.error().code, ErrorCode::kCorruptData);
    EXPECT_TRUE(message.starts_with("x.safetensors: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 600u);
    EXPECT_NE(message.find(test.message), std::string::npos) << test.header.substr(0, 200) << "\n"
                                                             << message;
  }
}

TEST(Safetensors, RefusesAbsurdHeaderLengths) {
  const uint64_t lengths[] = {3,          1u << 31, (1ull << 32) - 1, 1ull << 32, (1ull << 63) - 1,
                              1ull << 63, ~0ull,    ~0ull - 7};
  for (const uint64_t length : lengths) {
    std::string file = with_header("{}", "");
    for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i));
    const auto result = open_bytes(file);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find(
                  fmt::format("header length: got {}, expected at most 2", length)),
              std::string::npos)
        << result.error().message;
  }
  TestDirectory directory;
  std::string start(8, '\0');
  for (size_t i = 0; i < 8; ++i) start[i] = static_cast<char>(100'000'001ull >> (8 * i));
  directory.write("x.safetensors", start);
  std::filesystem::resize_file(directory.file("x.safetensors"), 300'000'000);
  const auto source = ByteSource::map_file(directory.file("x.safetensors"));
  const auto result = SafetensorsFile::open(*source);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("got 100000001, expected at most 100000000"),
            std::string::npos)
      << result.error().message;
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const std::string whole = small_file();
  ASSERT_TRUE(open_bytes(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(open_bytes(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(open_bytes(whole + "x"));
}

TEST(Safetensors, AFlippedBitIsAnErrorOrHarmless) {
  const std::string whole = small_file();
  const uint64_t data_bytes = 35;
  int num_accepted = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto file = open_bytes(flipped);
    if (!file) continue;
    ++num_accepted;
    touch_everything(*file);
    uint64_t total = 0;
    for (const SafetensorsEntry& entry : file->entries()) total += entry.num_bytes();
    EXPECT_EQ(total, data_bytes) << bit;
  }
  EXPECT_GE(num_accepted, static_cast<int>(data_bytes * 8));
}

TEST(Safetensors, RefusesMoreThanAMillionTensors) {
  std::string header = "{";
  for (size_t i = 0; i <= kMaxSafetensorsEntries; ++i) {
    header += fmt::format("{}\"{}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                          i > 0 ? "," : "", i);
  }
  const auto file = open_bytes(with_header(header + "}", ""));
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("got more than 1000000 tensors"), std::string::npos)
      << file.error().message;
}

}  // namespace
}  // namespace ernie
