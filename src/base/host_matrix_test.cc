#include "base/host_matrix.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/test_directory.h"

namespace ernie {
namespace {

/// Bytes 0, 1, 2, … as a matrix of a format.
HostMatrix counting_matrix(FormatId format, int64_t rows, int64_t columns) {
  const size_t size = static_cast<size_t>(rows) * weight_format(format).row_bytes(columns);
  auto bytes = std::make_shared<std::vector<uint8_t>>(size);
  std::iota(bytes->begin(), bytes->end(), uint8_t{0});
  return {format, rows, columns, reinterpret_cast<const std::byte*>(bytes->data()), bytes};
}

std::vector<uint8_t> read(const HostMatrix& matrix, int64_t begin, int64_t end) {
  std::vector<uint8_t> bytes(static_cast<size_t>(end - begin) * matrix.row_bytes());
  EXPECT_TRUE(matrix.read_rows(begin, end, reinterpret_cast<std::byte*>(bytes.data())));
  return bytes;
}

TEST(WeightFormat, ABlockHasItsBytes) {
  // 32 four-bit values and a 16-bit scale; 256 values of 6.5625 bits.
  EXPECT_EQ(weight_format(FormatId::kQ4_0).row_bytes(64), 36u);
  EXPECT_EQ(weight_format(FormatId::kQ6_K).row_bytes(2560), 2100u);
  EXPECT_EQ(weight_format(FormatId::kBF16).row_bytes(3), 6u);
  EXPECT_EQ(parse_weight_format("IQ4_NL"), FormatId::kIQ4_NL);
  EXPECT_FALSE(parse_weight_format("Q4"));
  EXPECT_FALSE(dense_dtype(FormatId::kQ8_0));
  EXPECT_FALSE(format_of(DType::kI32));
}

TEST(HostMatrix, RowsAndColumnsShareTheMemory) {
  const HostMatrix whole = counting_matrix(FormatId::kF16, 4, 5);
  const HostMatrix part = *whole.rows(1, 3).columns(2, 4);
  EXPECT_EQ(part.num_rows(), 2);
  EXPECT_EQ(part.num_columns(), 2);
  EXPECT_EQ(part.row(0), whole.row(1) + 4);
  EXPECT_FALSE(part.is_contiguous());
  EXPECT_EQ(read(part, 0, 2), (std::vector<uint8_t>{14, 15, 16, 17, 24, 25, 26, 27}));
  EXPECT_EQ(read(whole, 3, 4), (std::vector<uint8_t>{30, 31, 32, 33, 34, 35, 36, 37, 38, 39}));
  EXPECT_EQ(whole.rows(2, 2).num_bytes(), 0u);
}

TEST(HostMatrix, ColumnsAreCutBetweenBlocks) {
  const HostMatrix whole = counting_matrix(FormatId::kQ8_0, 3, 96);
  const HostMatrix middle = *whole.columns(32, 64);
  EXPECT_EQ(middle.row_bytes(), 34u);
  EXPECT_EQ(middle.row(1), whole.row(1) + 34);
  const auto wrong = whole.columns(16, 64);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(wrong.error().message.find("multiples of 32"), std::string::npos);
}

TEST(HostMatrix, ConvertsARowOfAView) {
  HostTensor tensor = HostTensor::allocate(DType::kF32, {2, 3});
  std::iota(tensor.mutable_values<float>().begin(), tensor.mutable_values<float>().end(), 1.0f);
  const HostMatrix last = *HostMatrix(tensor).columns(1, 3);
  const HostTensor dense = last.to_tensor(DType::kBF16);
  EXPECT_EQ(dense.shape(), (Shape{2, 2}));
  EXPECT_EQ(to_float(dense.values<bf16>()[2]), 5.0f);
  EXPECT_EQ(last.to_tensor(DType::kF32).values<float>()[3], 6.0f);
}

class HostMatrixOfAFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<char> bytes(64);
    std::iota(bytes.begin(), bytes.end(), char{0});
    std::ofstream(path_, std::ios::binary).write(bytes.data(), 64);
  }

  HostMatrix open() const {
    const ByteSource source = *ByteSource::map_file(path_);
    return {FormatId::kF16,
            4,
            6,
            source.bytes().data() + 8,
            source.owner(),
            FileOrigin{source.file(), 8}};
  }

  const TestDirectory folder_;
  const std::string path_ = folder_.file("matrix");
};

TEST_F(HostMatrixOfAFile, ReadsFromTheFileWhatItsViewNames) {
  const HostMatrix part = *open().rows(1, 4).columns(2, 4);
  EXPECT_EQ(read(part, 1, 3), (std::vector<uint8_t>{36, 37, 38, 39, 48, 49, 50, 51}));
  EXPECT_EQ(read(open(), 0, 1)[0], 8);
  // What is read is the file's, not the mapping's: replacing the memory must not matter.
  const HostMatrix elsewhere(FormatId::kF16, 4, 6, nullptr, nullptr,
                             FileOrigin{*OpenFile::open(path_), 8});
  EXPECT_EQ(read(elsewhere, 0, 4), read(open(), 0, 4));
}

TEST_F(HostMatrixOfAFile, AFileThatShrankIsAnError) {
  const HostMatrix matrix = open();
  std::filesystem::resize_file(path_, 20);
  std::byte target[48];
  const auto done = matrix.read_rows(0, 4, target);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kIo);
  EXPECT_NE(done.error().message.find("shorter"), std::string::npos) << done.error().message;
}

}  // namespace
}  // namespace ernie
