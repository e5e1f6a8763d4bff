// Where a scene puts its keys and values, looked at through a device that keeps what it stores.

#include "verify/ops/kv_scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "backend/registry.h"
#include "lost_device/failing_backend.h"
#include "verify/error_budget.h"
#include "verify/faults/faulty_backend.h"
#include "verify/ops/inputs.h"

namespace ernie::verify::ops {
namespace {

using Numbers = std::vector<double>;

/// What was last stored where, and the tables that attention was asked with.
class KeepingBackend final : public FailingBackend {
 public:
  KeepingBackend()
      : FailingBackend(make_backend(oracle_device(), {.dtype = DType::kF64}).value(),
                       std::make_shared<Failure>(Failure::Of::kAdd, Failure::kNever)) {}
  std::map<std::pair<int64_t, int32_t>, Numbers> stored;  ///< by layer and slot
  std::vector<std::vector<int32_t>> tables;
  int64_t layer_read = -1, num_blocks = 0;

 protected:
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slots, KvCache& cache,
                   int64_t layer) override {
    FailingBackend::do_store_kv(qkv, layout, slots, cache, layer);
    const Numbers rows = download(*this, qkv).value();
    const std::vector<int32_t> ids = download_ids(*this, slots).value();
    for (size_t t = 0; t < ids.size(); ++t) {
      const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(t) * layout.row_size();
      stored[{layer, ids[t]}] = Numbers(begin + layout.key_offset(), begin + layout.row_size());
    }
    num_blocks = cache.shape().num_blocks;
  }
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override {
    FailingBackend::do_attention(qkv, layout, cache, layer, batch, out);
    const std::vector<int32_t> all = download_ids(*this, batch.block_tables).value();
    const int64_t pitch = batch.block_tables.dim(1);
    for (auto row = all.begin(); row != all.end(); row += pitch) {
      tables.emplace_back(row, row + pitch);
    }
    layer_read = layer;
  }
};

constexpr int64_t kBlock = 4;

/// Contexts of 9, 4 and 1 tokens: 3, 1 and 1 blocks.
Scene make_scene() {
  const QkvLayout layout{2, 1, 3};
  Random random(1);
  const auto normal = [&](int64_t count) {
    return make_values(InputClass::kNormal, 1, count, DType::kF32, random);
  };
  return {layout, {{9, 2}, {4, 4}, {1, 1}}, normal(7 * 6), normal(14 * 3), normal(14 * 3)};
}

/// A scene on a device of its own, after one step.
struct Placed {
  explicit Placed(uint64_t seed, DType kv = DType::kF64) : scene(make_scene()) {
    auto placed = PlacedScene::place(scene, backend, DType::kF64, kv, kBlock, seed);
    EXPECT_TRUE(placed);
    result = placed->run().value();
  }
  Scene scene;
  KeepingBackend backend;
  Numbers result;
};

TEST(PlacedScene, NoBlockIsDealtTwiceAndSomeAreFree) {
  const Placed placed(3);
  std::multiset<int32_t> used;
  const std::vector<size_t> counts{3, 1, 1};
  ASSERT_EQ(placed.backend.tables.size(), 3u);
  for (size_t s = 0; s < 3; ++s) {
    const std::vector<int32_t>& table = placed.backend.tables[s];
    used.insert(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(counts[s]));
    for (size_t i = counts[s]; i < table.size(); ++i) EXPECT_EQ(table[i], -1);
  }
  EXPECT_EQ(std::set<int32_t>(used.begin(), used.end()).size(), 5u);
  EXPECT_GE(*used.begin(), 0);
  EXPECT_LT(*used.rbegin(), placed.backend.num_blocks);
  EXPECT_EQ(placed.backend.num_blocks, 7);
}

TEST(PlacedScene, TokensAreInTheirSlotsAndNanIsInEveryOther) {
  for (const uint64_t seed : {3, 4, 5, 6}) {
    const Placed placed(seed);
    const KeepingBackend& b = placed.backend;
    EXPECT_EQ(b.stored.size(), static_cast<size_t>(2 * b.num_blocks * kBlock));
    std::set<int32_t> in_use;
    for (size_t s = 0; s < 3; ++s) {
      for (int64_t i = 0; i < placed.scene.sequences[s].context_len; ++i) {
        const int32_t block = b.tables[s][static_cast<size_t>(i / kBlock)];
        const auto slot = static_cast<int32_t>(block * kBlock + i % kBlock);
        const auto at = static_cast<size_t>(3 * (placed.scene.first_token(s) + i));
        Numbers want(&placed.scene.keys[at], &placed.scene.keys[at] + 3);
        want.insert(want.end(), &placed.scene.values[at], &placed.scene.values[at] + 3);
        EXPECT_EQ(b.stored.at({b.layer_read, slot}), want) << s << " " << i;
        in_use.insert(slot);
      }
    }
    EXPECT_EQ(in_use.size(), 14u);
    for (const auto& [place, row] : b.stored) {
      if (place.first == b.layer_read && in_use.contains(place.second)) continue;
      for (const double x : row) EXPECT_TRUE(std::isnan(x));
    }
  }
}

TEST(PlacedScene, TheSeedDecidesAboutThePlaceAndNotAboutTheResult) {
  const Placed a(3), again(3);
  EXPECT_EQ(a.backend.tables, again.backend.tables);
  std::set<std::vector<std::vector<int32_t>>> places;
  std::set<int64_t> layers;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Placed placed(seed);
    places.insert(placed.backend.tables);
    layers.insert(placed.backend.layer_read);
    EXPECT_EQ(placed.result, a.result);
    for (const double x : placed.result) EXPECT_TRUE(std::isfinite(x));
  }
  EXPECT_GT(places.size(), 4u);
  EXPECT_EQ(layers, (std::set<int64_t>{0, 1}));
}

TEST(PlacedScene, KeysAndValuesAreRoundedWhereTheOracleWouldNot) {
  const Placed placed(3, DType::kBF16);
  for (const auto& [place, row] : placed.backend.stored) {
    for (const double x : row) EXPECT_TRUE(std::isnan(x) || round_to(DType::kBF16, x) == x);
  }
  EXPECT_NE(placed.result, Placed(3).result);
}

TEST(PlacedScene, AQueryByItselfSeesWhatItSawInTheStep) {
  const Scene scene = make_scene();
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  const auto placed =
      PlacedScene::place(scene, *oracle, DType::kF64, DType::kF64, kBlock, 2).value();
  const std::vector<SceneQuery> queries = scene_queries(scene);
  ASSERT_EQ(queries.size(), 7u);
  EXPECT_EQ(queries[0].num_keys, 8);  // the last but one of nine
  EXPECT_EQ(queries[2].num_keys, 1);
  EXPECT_EQ(queries[5].num_keys, 4);
  EXPECT_EQ(queries[6].row, 6);
  EXPECT_EQ(placed.run(queries).value(), placed.run().value());
}

// What NaN is for: a device that looks one slot too far cannot hide it.
TEST(PlacedScene, AKeyBeyondTheContextShows) {
  const Scene scene = make_scene();
  const auto device =
      make_faulty_backend(make_backend(oracle_device(), {.dtype = DType::kF64}).value(),
                          {.op = "attention", .quirk = Quirk::kStaleKey}, DType::kF64);
  const auto placed =
      PlacedScene::place(scene, *device, DType::kF64, DType::kF64, kBlock, 2).value();
  const Numbers result = placed.run().value();
  EXPECT_TRUE(std::isnan(result[6]));      // the last of nine tokens; the slot after it is free
  EXPECT_TRUE(std::isfinite(result[30]));  // the last of four: its block is full
  EXPECT_TRUE(std::isnan(result[36]));
}

TEST(SceneText, NamesHeadsBlocksAndSequences) {
  EXPECT_EQ(describe(kModelLayout, 16, {{17, 1}, {40, 3}}),
            "heads 20/4, dim 128, block 16: 1of17 3of40");
}

}  // namespace
}  // namespace ernie::verify::ops
