// attention of the host kernels. A query of zeros looks at all its keys equally, so that its result
// is the mean of their values.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/registry.h"
#include "verify/faults/host_kernels.h"
#include "verify/ops/inputs.h"
#include "verify/ops/kv_scene.h"

namespace ernie::verify::host {
namespace {

Mode with(Quirk quirk) { return {quirk, DType::kF64, DType::kF64}; }

/// One head of one number: three blocks of two slots. The sequence has three tokens, in blocks 2
/// and 0, whose values are 1, 2 and 6; the slot behind them holds 7, the unused block 30.
struct Cache {
  Values keys{5, 0, 0, 0, 3, 4}, values{6, 7, 30, 30, 1, 2};
  HostBatch batch{
      .query_start = {0, 1}, .context_lens = {3}, .block_tables = {2, 0}, .max_blocks = 2};
  QkvLayout layout{1, 1, 1};

  Context context() const { return {&keys, &values, {1, 3, 2, 1, 1}}; }
  /// queries: one number each; the key and value of a row are not attention's to read.
  Values attend(const Values& queries, Quirk quirk) const {
    Values rows(3 * queries.size(), NAN);
    for (size_t i = 0; i < queries.size(); ++i) rows[3 * i] = queries[i];
    return attention(rows, layout, context(), batch, with(quirk));
  }
};

TEST(HostAttention, IsTheMeanOfTheValuesForAQueryOfZeros) {
  const Cache cache;
  EXPECT_DOUBLE_EQ(cache.attend({0}, Quirk::kNone)[0], 3);
  EXPECT_DOUBLE_EQ(cache.attend({0}, Quirk::kLastKeyDropped)[0], 1.5);
  EXPECT_DOUBLE_EQ(cache.attend({0}, Quirk::kSinkDropped)[0], 4);
  EXPECT_DOUBLE_EQ(cache.attend({0}, Quirk::kStaleKey)[0], 4);  // 1, 2, 6 and 7
  // Block 2 is taken for block 0, the one after it round the end.
  EXPECT_DOUBLE_EQ(cache.attend({0}, Quirk::kWrongBlock)[0], 19.0 / 3);
  EXPECT_EQ(cache.attend({0}, Quirk::kZeros)[0], 0);
}

TEST(HostAttention, AQueryOfTheMiddleDoesNotLookAhead) {
  Cache cache;
  cache.batch.query_start = {0, 3};
  const auto near = [&](Quirk quirk, const Values& want) {
    const Values got = cache.attend({0, 0, 0}, quirk);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_DOUBLE_EQ(got[i], want[i]) << i;
  };
  near(Quirk::kNone, {1, 1.5, 3});
  near(Quirk::kFutureKey, {1.5, 3, 3});       // the last one has nothing ahead of it
  near(Quirk::kLastKeyDropped, {1, 1, 1.5});  // a single key stays
}

// With a query of 1 the scores are the keys 3, 4 and 5.
TEST(HostAttention, WeighsByTheExponentialsOfTheScores) {
  const Cache cache;
  const auto mean = [](double scale) {
    const double a = std::exp(3 * scale), b = std::exp(4 * scale), c = std::exp(5 * scale);
    return (a + 2 * b + 6 * c) / (a + b + c);
  };
  EXPECT_NEAR(cache.attend({1}, Quirk::kNone)[0], mean(1), 1e-12);
  EXPECT_NEAR(cache.attend({1}, Quirk::kScaleOff)[0], mean(1.02), 1e-12);
  EXPECT_NEAR(cache.attend({1}, Quirk::kNoMaximum)[0], mean(1), 1e-6);
  const double narrow = cache.attend({1}, Quirk::kBf16Probabilities)[0];
  EXPECT_NEAR(narrow, mean(1), 6 * 0x1p-8);
  EXPECT_NE(narrow, cache.attend({1}, Quirk::kNone)[0]);
}

TEST(HostAttention, WithoutTheMaximumLargeScoresOverflow) {
  const Cache cache;
  EXPECT_DOUBLE_EQ(cache.attend({100}, Quirk::kNone)[0], 6);  // the largest score takes it all
  EXPECT_TRUE(std::isnan(cache.attend({100}, Quirk::kNoMaximum)[0]));
}

// Four query heads share two key heads in neighbouring pairs, not in turn.
TEST(HostAttention, NeighbouringQueryHeadsShareAKeyHead) {
  const Values keys(2), values{10, 20};
  const Context context{&keys, &values, {1, 1, 1, 2, 1}};
  const HostBatch batch{{0, 1}, {1}, {0}, 1};
  const Values row(8);
  EXPECT_EQ(attention(row, {4, 2, 1}, context, batch, with(Quirk::kNone)),
            (Values{10, 10, 20, 20}));
  EXPECT_EQ(attention(row, {4, 2, 1}, context, batch, with(Quirk::kWrongKvHead)),
            (Values{10, 20, 10, 20}));
}

// The reference finds the same scene scattered over its own cache.
TEST(HostAttention, AgreesWithTheReference) {
  const QkvLayout layout{6, 3, 5};
  Random random(1);
  const auto normal = [&](int64_t count) {
    return ops::make_values(ops::InputClass::kNormal, 1, count, DType::kF32, random);
  };
  const ops::Scene scene{
      layout, {{7, 2}, {1, 1}, {4, 4}}, normal(7 * 30), normal(12 * 15), normal(12 * 15)};
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  const auto placed =
      ops::PlacedScene::place(scene, *oracle, DType::kF64, DType::kF64, 3, 5).value();
  Values rows(7 * 60, NAN);
  for (size_t q = 0; q < 7; ++q) std::copy_n(&scene.queries[30 * q], 30, &rows[60 * q]);
  // One token a block, in order.
  const Context context{&scene.keys, &scene.values, {1, 12, 1, 3, 5}};
  HostBatch batch{{0, 2, 3, 7}, {7, 1, 4}, {}, 7};
  batch.block_tables = {0, 1, 2, 3, 4, 5, 6, 7, -1, -1, -1, -1, -1, -1, 8, 9, 10, 11, -1, -1, -1};
  const Values got = attention(rows, layout, context, batch, with(Quirk::kNone));
  const Values want = placed.run().value();
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-14) << i;
}

}  // namespace
}  // namespace ernie::verify::host
