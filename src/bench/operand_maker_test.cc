// What an operation is given to be measured on. The operations here only look at their arguments.

#include "bench/operand_maker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "backend/registry.h"

namespace ernie::bench {
namespace {

class OperandMakerTest : public ::testing::Test {
 protected:
  /// An operation on these operands that notes what it is given.
  Operation noting(std::vector<OperandSpec> operands) {
    return {.op = "note",
            .arithmetic = 7,
            .operands = std::move(operands),
            .call = [this](Backend&, std::span<const Argument> arguments) {
              given_.assign(arguments.begin(), arguments.end());
            }};
  }
  /// The arguments of a call.
  const std::vector<Argument>& given(const PreparedOp& op, int64_t call) {
    op.call(call);
    return given_;
  }
  std::vector<int32_t> ids_given(const PreparedOp& op, int64_t call) {
    const Tensor& ids = given(op, call).at(0).tensor;
    const auto* data = static_cast<const int32_t*>(ids.data);
    return {data, data + ids.shape.num_elements()};
  }

  std::unique_ptr<Backend> backend_ =
      make_backend("reference", {.dtype = DType::kF32, .num_threads = 1}).value();
  std::vector<Argument> given_;
};

const OperandSpec kRows{.shape = {2, 64}, .num_touched = 128};

TEST_F(OperandMakerTest, CallsGoRoundCopiesThatFillTheWorkingSet) {
  OperandMaker maker(*backend_, 4000, 0);
  // 512 bytes a call: eight of them are the first to reach 4,000.
  const PreparedOp op = maker.prepare(noting({kRows})).value();
  EXPECT_EQ(op.cost.operations, 7);
  EXPECT_EQ(op.cost.bytes, 512);
  EXPECT_EQ(op.num_copies, 8);
  std::vector<std::byte*> places;
  for (int64_t call = 0; call < 8; ++call) {
    places.push_back(static_cast<std::byte*>(given(op, call).at(0).tensor.data));
  }
  std::ranges::sort(places);
  for (size_t i = 1; i < places.size(); ++i) EXPECT_GE(places[i] - places[i - 1], 512);
  const void* first = given(op, 0).at(0).tensor.data;
  EXPECT_EQ(given(op, 8).at(0).tensor.data, first);
}

TEST_F(OperandMakerTest, WhatIsChangedInPlaceCountsTwice) {
  OperandMaker maker(*backend_, 4000, 0);
  OperandSpec changed = kRows;
  changed.num_touched *= 2;
  // 1,024 and 512 bytes a call: three of them are the first to reach 4,000.
  const PreparedOp op = maker.prepare(noting({changed, kRows})).value();
  EXPECT_EQ(op.cost.bytes, 1536);
  EXPECT_EQ(op.num_copies, 3);
}

TEST_F(OperandMakerTest, WeightsFillTheWorkingSetAndServeTheNextOperation) {
  OperandMaker maker(*backend_, 20'000, 0);
  const OperandSpec matrix{.kind = OperandKind::kMatrix, .shape = {32, 64}, .num_touched = 32 * 64};
  const OperandSpec input{.shape = {1, 64}, .num_touched = 64};
  // The reference computes with the 4,096 bytes that the weights were made of: five of them are the
  // first to reach 20,000. The input needs no more.
  const PreparedOp first = maker.prepare(noting({input, matrix})).value();
  EXPECT_EQ(first.num_copies, 5);
  EXPECT_EQ(first.cost.bytes, 4096 + 256);
  std::set<const Operand*> weights;
  for (int64_t call = 0; call < 10; ++call) weights.insert(given(first, call).at(1).operand);
  EXPECT_EQ(weights.size(), 5u);
  const PreparedOp second = maker.prepare(noting({matrix})).value();
  EXPECT_TRUE(weights.contains(given(second, 0).at(0).operand)) << "made only once";
  OperandSpec router = matrix;
  router.matrix_use = MatrixUse::kRouter;
  const PreparedOp third = maker.prepare(noting({router})).value();
  EXPECT_FALSE(weights.contains(given(third, 0).at(0).operand)) << "stored in another way";
}

TEST_F(OperandMakerTest, ExpertsComeWithManyRoutings) {
  OperandMaker maker(*backend_, 1, 0);
  const OperandSpec experts{
      .kind = OperandKind::kExperts, .shape = {4, 16, 8}, .num_touched = 2 * 3 * 16 * 8};
  OperandSpec chosen{.kind = OperandKind::kIds,
                     .shape = {3, 2},
                     .num_touched = 6,
                     .contents = Contents::kDistinct,
                     .limit = 4};
  const PreparedOp op = maker.prepare(noting({chosen, experts})).value();
  EXPECT_EQ(op.cost.bytes, 2 * 3 * 16 * 8 * 2 + 6 * 4) << "two of four experts are read";
  EXPECT_GE(op.num_copies, 64);
  std::set<std::vector<int32_t>> routings;
  for (int64_t call = 0; call < op.num_copies; ++call) {
    const std::vector<int32_t> ids = ids_given(op, call);
    for (size_t token = 0; token < 3; ++token) {
      EXPECT_NE(ids[2 * token], ids[2 * token + 1]) << "a token's experts are different ones";
    }
    EXPECT_GE(*std::ranges::min_element(ids), 0);
    EXPECT_LT(*std::ranges::max_element(ids), 4);
    routings.insert(ids);
  }
  EXPECT_GT(routings.size(), 32u);
}

TEST_F(OperandMakerTest, IdsAreWhatTheSpecSays) {
  OperandMaker maker(*backend_, 4096, 3);
  OperandSpec ids{.kind = OperandKind::kIds, .shape = {64}, .num_touched = 64};
  ids.contents = Contents::kCounting;
  std::vector<int32_t> expected(64);
  std::iota(expected.begin(), expected.end(), 0);
  const PreparedOp counting = maker.prepare(noting({ids})).value();
  EXPECT_EQ(ids_given(counting, 0), expected);
  EXPECT_EQ(ids_given(counting, 1), expected);
  ids.contents = Contents::kDistinct;
  ids.limit = 64;
  const PreparedOp distinct = maker.prepare(noting({ids})).value();
  std::vector<int32_t> order = ids_given(distinct, 0);
  EXPECT_NE(order, expected);
  std::ranges::sort(order);
  EXPECT_EQ(order, expected) << "all of them, in another order";
  ids.contents = Contents::kRandom;
  ids.limit = 3;
  const PreparedOp random = maker.prepare(noting({ids})).value();
  const std::vector<int32_t> drawn = ids_given(random, 0);
  EXPECT_EQ(std::set<int32_t>(drawn.begin(), drawn.end()), (std::set<int32_t>{0, 1, 2}));
  ids.contents = Contents::kGiven;
  ids.values = expected;
  std::ranges::reverse(ids.values);
  EXPECT_EQ(ids_given(maker.prepare(noting({ids})).value(), 1), ids.values);
}

TEST_F(OperandMakerTest, TheSeedDecidesTheContents) {
  const auto contents = [&](uint64_t seed) {
    OperandMaker maker(*backend_, 4000, seed);
    const PreparedOp op = maker.prepare(noting({kRows})).value();
    const auto* data = static_cast<const float*>(given(op, 3).at(0).tensor.data);
    return std::vector<float>(data, data + 128);
  };
  const std::vector<float> noise = contents(1);
  EXPECT_EQ(contents(1), noise);
  EXPECT_NE(contents(2), noise);
  double mean = 0, square = 0;
  for (const float x : noise) {
    mean += static_cast<double>(x) / 128;
    square += static_cast<double>(x) * static_cast<double>(x) / 128;
  }
  EXPECT_NEAR(mean, 0, 0.35);
  EXPECT_NEAR(square, 1, 0.5) << "standard normal";
}

TEST_F(OperandMakerTest, EveryCallHasALayerOfTheCacheOfItsOwn) {
  OperandMaker maker(*backend_, 10'000, 0);
  const OperandSpec cache{
      .kind = OperandKind::kCache, .shape = {3, 4, 2, 8}, .num_touched = 3 * 4 * 2 * 2 * 8};
  // 384 values in F32: seven layers of 1,536 bytes are the first to reach 10,000.
  const PreparedOp op = maker.prepare(noting({cache})).value();
  EXPECT_EQ(op.cost.bytes, 1536);
  EXPECT_EQ(op.num_copies, 7);
  std::set<int64_t> layers;
  for (int64_t call = 0; call < 7; ++call) {
    const Argument& argument = given(op, call).at(0);
    EXPECT_EQ(argument.cache->shape().num_layers, 7);
    EXPECT_EQ(argument.cache->shape().block_size, 4);
    layers.insert(argument.layer);
  }
  EXPECT_EQ(layers, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST_F(OperandMakerTest, TablesThatTurnNothing) {
  OperandMaker maker(*backend_, 1, 0);
  const OperandSpec table{.kind = OperandKind::kFloat32,
                          .shape = {2, 3, 2},
                          .num_touched = 12,
                          .contents = Contents::kNoTurn};
  const PreparedOp op = maker.prepare(noting({table})).value();
  const auto* data = static_cast<const float*>(given(op, 0).at(0).tensor.data);
  for (int i = 0; i < 12; i += 2) {
    EXPECT_EQ(data[i], 1) << "cosine";
    EXPECT_EQ(data[i + 1], 0) << "sine";
  }
}

}  // namespace
}  // namespace ernie::bench
