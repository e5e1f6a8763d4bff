#include "base/tensor.h"

#include <gtest/gtest.h>

#include <limits>

namespace ernie {
namespace {

TEST(Shape, ChecksSizesFromOutside) {
  const int64_t big = int64_t{1} << 40;
  EXPECT_TRUE(Shape::checked(std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(Shape::checked(std::vector<int64_t>{}));
  EXPECT_FALSE(Shape::checked(std::vector<int64_t>{-1}));
  EXPECT_FALSE(Shape::checked(std::vector<int64_t>{big, big}));
  EXPECT_FALSE(Shape::checked(std::vector<int64_t>{0, big, big})) << "a zero hides no overflow";
  EXPECT_FALSE(Shape::checked(std::vector<int64_t>{1, 1, 1, 1, 1}));
  EXPECT_EQ(Shape({2, 0, 3}).num_elements(), 0);
  EXPECT_EQ(to_string(Shape{64, 2560}), "[64, 2560]");
}

TEST(Tensor, RowsAreViewsOfTheSameMemory) {
  std::vector<float> data{0, 1, 2, 3, 4, 5};
  const Tensor tensor{data.data(), DType::kF32, {3, 2}};
  const Tensor last = tensor.rows(1, 3);
  EXPECT_EQ(last.shape, (Shape{2, 2}));
  last.row<float>(1)[0] = 40;
  EXPECT_EQ(data[4], 40);
  EXPECT_EQ(tensor.reshaped({6}).row<float>(5)[0], 5);
}

TEST(TensorDeathTest, MisuseIsABug) {
  float x = 0;
  const Tensor tensor{&x, DType::kF32, {1, 1}};
  EXPECT_DEATH(tensor.ptr<bf16>(), "tensor is F32, asked for BF16");
  EXPECT_DEATH(tensor.rows(0, 2), "rows 0..2");
  EXPECT_DEATH(tensor.reshaped({2}), "\\[1, 1\\] as \\[2\\]");
}

TEST(HostTensor, SlicesShareAndConversionsCopy) {
  HostTensor tensor = HostTensor::allocate(DType::kF32, {2, 3, 2});
  for (size_t i = 0; i < 12; ++i) tensor.mutable_values<float>()[i] = static_cast<float>(i);
  const HostTensor second = tensor.slice(1);
  EXPECT_EQ(second.shape(), (Shape{3, 2}));
  EXPECT_EQ(second.values<float>()[0], 6);
  EXPECT_EQ(second.rows(1, 2).values<float>()[1], 9);
  EXPECT_EQ(second.data(), tensor.data() + 6 * sizeof(float));

  const HostTensor narrow = tensor.converted(DType::kBF16);
  EXPECT_EQ(to_float(narrow.values<bf16>()[11]), 11);
  EXPECT_EQ(tensor.converted(DType::kF32).data(), tensor.data());
}

TEST(HostTensor, OutlivesItsSource) {
  HostTensor row;
  {
    HostTensor tensor = HostTensor::allocate(DType::kF32, {4, 4});
    tensor.mutable_values<float>()[15] = 7;
    row = tensor.rows(3, 4);
  }
  EXPECT_EQ(row.values<float>()[3], 7);
}

}  // namespace
}  // namespace ernie
