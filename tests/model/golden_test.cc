// The model against what the transformers implementation computed (tests/golden, recorded by
// tools/golden). Tolerances are those of docs/numerics.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/cpu/isa/select.h"
#include "model/golden_file.h"

namespace ernie::testing {
namespace {

constexpr int kPrompts = 3;
constexpr int kGreedyTokens = 24;

struct Case {
  std::string name;       // the checkpoint's directory
  std::string model_dir;  // where its weights are
  std::string truth;      // where the recording is
};

const std::vector<Case> kCases{{"moe_shared", "moe_shared", "moe_shared"},
                               {"moe_no_shared", "moe_no_shared", "moe_no_shared"},
                               {"moe_interval2", "moe_interval2", "moe_interval2"},
                               {"dense_head_dim", "dense_head_dim", "dense_head_dim"},
                               {"moe_untied", "moe_untied", "moe_untied"},
                               {"moe_long_position", "moe_shared", "moe_long_position"},
                               {"moe_shared_fused", "moe_shared_fused", "moe_shared"},
                               {"moe_shared_sharded", "moe_shared_sharded", "moe_shared"},
                               {"moe_shared_paddle", "moe_shared_paddle", "moe_shared"}};

/// A device with the recording it is held against and how far it may be from it.
struct DeviceSetup {
  std::string name;
  std::string device;
  BackendOptions options;
  std::string recording;  // "f32" or "bf16"
  /// Largest allowed error of the logits for the range and the largest magnitude of the true ones.
  double (*logits_budget)(double range, double largest);
  double tap_budget;      // the same for intermediate values, relative to their range
  double equal_fraction;  // at least so many logits are the recorded ones bit for bit
};

double float32_budget(double range, double) { return 1e-5 * range; }
/// Two units in the last place of the largest logit: docs/numerics.md, "bfloat16".
double bfloat16_budget(double, double largest) {
  return 2 * std::exp2(std::floor(std::log2(largest)) - 7);
}
/// What rounding keys and values may move where no router decision is near: docs/numerics.md,
/// "cpu".
double bfloat16_storage_budget(double range, double) { return 1.5e-2 * range; }

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
void PrintTo(const DeviceSetup& setup, std::ostream* out) { *out << setup.name; }

/// Those that compute what a recording holds, up to the order of sums.
std::vector<DeviceSetup> exact_setups() {
  std::vector<DeviceSetup> all{
      {"reference_float32", "reference", {.dtype = DType::kF32}, "f32", float32_budget, 1e-5, 0},
      {"reference_bfloat16",
       "reference",
       {.dtype = DType::kBF16},
       "bf16",
       bfloat16_budget,
       2e-2,
       0.98}};
  for (const std::string& isa : cpu::runnable_isas()) {
    all.push_back({"cpu_float32_" + isa,
                   "cpu",
                   {.dtype = DType::kF32, .num_threads = 2, .isa = isa},
                   "f32",
                   float32_budget,
                   1e-5,
                   0});
  }
  return all;
}

/// The cpu backend with bfloat16 weights and cache: closer to float32 than any recording in
/// bfloat16.
std::vector<DeviceSetup> bfloat16_storage_setups() {
  std::vector<DeviceSetup> all;
  for (const std::string& isa : cpu::runnable_isas()) {
    all.push_back({"cpu_bfloat16_" + isa,
                   "cpu",
                   {.dtype = DType::kBF16, .num_threads = 2, .isa = isa},
                   "f32",
                   bfloat16_storage_budget,
                   0,
                   0});
  }
  return all;
}

std::vector<DeviceSetup> all_setups() {
  std::vector<DeviceSetup> all = exact_setups();
  for (DeviceSetup& setup : bfloat16_storage_setups()) all.push_back(std::move(setup));
  return all;
}

std::string golden_path(const std::string& directory) {
  return std::string(ERNIE_SOURCE_DIR "/tests/golden/") + directory;
}

class Golden : public ::testing::TestWithParam<std::tuple<Case, DeviceSetup>> {
 protected:
  Golden()
      : model_case_(std::get<0>(GetParam())),
        setup_(std::get<1>(GetParam())),
        truth_(golden_path(model_case_.truth) + "/golden.safetensors"),
        model_(golden_path(model_case_.model_dir), setup_.device, setup_.options) {}

  std::vector<int32_t> ids(int prompt) { return truth_.ints(fmt::format("prompt{}.ids", prompt)); }
  std::vector<int32_t> positions(int prompt) {
    return truth_.ints(fmt::format("prompt{}.positions", prompt));
  }
  std::string name(int prompt, const std::string& what) const {
    return fmt::format("{}.prompt{}.{}", setup_.recording, prompt, what);
  }
  double budget(const Values& want) const {
    const Difference scale = compare(want, want);
    double largest = 0;
    for (const double x : want.data) largest = std::max(largest, std::abs(x));
    return setup_.logits_budget(scale.range, largest);
  }
  void expect_logits(const Values& got, const std::string& recorded) {
    const Values want = truth_.values(recorded);
    const Difference d = compare(got, want);
    EXPECT_LE(d.max_abs, budget(want)) << recorded << ": " << d.relative() << " of the range";
    EXPECT_GE(d.equal_fraction, setup_.equal_fraction) << recorded;
    fmt::print("[ figures  ] {} {} {}: max error {:.2e} of the range, equal {:.4f}\n", setup_.name,
               model_case_.name, recorded, d.relative(), d.equal_fraction);
  }
  void expect_tap(const std::string& seen, const std::string& recorded) {
    ASSERT_TRUE(model_.seen().contains(seen)) << seen;
    const Difference d = compare(model_.seen().at(seen), truth_.values(recorded));
    EXPECT_LE(d.relative(), setup_.tap_budget) << recorded;
  }
  void expect_layer(int prompt, int64_t layer);

  Case model_case_;
  DeviceSetup setup_;
  GoldenFile truth_;
  ModelHarness model_;
};

void Golden::expect_layer(int prompt, int64_t layer) {
  const auto recorded = [&](const char* what) {
    return name(prompt, fmt::format("layer{}.{}", layer, what));
  };
  const auto seen = [&](const char* what) { return fmt::format("{}.{}", what, layer); };
  expect_tap(seen("attention"), recorded("attn_out"));
  expect_tap(seen("layer"), recorded("out"));
  const bool is_moe = model_.config().is_moe_layer(layer);
  ASSERT_EQ(truth_.has(recorded("expert_ids")), is_moe);
  if (!is_moe) return;
  expect_tap(seen("router_logits"), recorded("router_logits"));
  expect_tap(seen("expert_weights"), recorded("expert_weights"));
  expect_tap(seen("routed"), recorded("routed"));
  if (model_.config().num_shared_experts > 0) expect_tap(seen("shared"), recorded("shared"));
  EXPECT_EQ(model_.seen().at(seen("expert_ids")).data, truth_.values(recorded("expert_ids")).data)
      << "experts of layer " << layer;
}

class GoldenExact : public Golden {};
class GoldenStorage : public Golden {};
class GoldenGreedy : public Golden {};

TEST_P(GoldenExact, PrefillLayerByLayer) {
  for (int p = 0; p < kPrompts; ++p) {
    model_.reset();
    const Values logits = model_.run({{0, ids(p), positions(p)}});
    expect_tap("embedding", name(p, "embed"));
    for (int64_t layer = 0; layer < model_.config().num_layers; ++layer) expect_layer(p, layer);
    expect_tap("final_norm", name(p, "final_norm"));
    expect_logits(logits, name(p, "logits"));
  }
}

TEST_P(GoldenExact, TokenByToken) {
  for (int p = 0; p < kPrompts; ++p) {
    model_.reset();
    const std::vector<int32_t> all_ids = ids(p), all_positions = positions(p);
    Values logits;
    for (size_t i = 0; i < all_ids.size(); ++i) {
      logits.append(model_.run({{0, {all_ids[i]}, {all_positions[i]}}}));
    }
    expect_logits(logits, name(p, "incremental"));
  }
}

// Measured against the float32 truth, over all prompts of a case: not further from it than the
// original is in bfloat16.
TEST_P(GoldenStorage, IsNoWorseThanTheOriginalInBfloat16) {
  Values got, truth, original;
  for (int p = 0; p < kPrompts; ++p) {
    model_.reset();
    got.append(model_.run({{0, ids(p), positions(p)}}));
    truth.append(truth_.values(fmt::format("f32.prompt{}.logits", p)));
    original.append(truth_.values(fmt::format("bf16.prompt{}.logits", p)));
  }
  const Difference ours = compare(got, truth), theirs = compare(original, truth);
  fmt::print("[ figures  ] {} {}: rms {:.2e}, max {:.2e} of the range; original: {:.2e}, {:.2e}\n",
             setup_.name, model_case_.name, ours.rms / ours.range, ours.relative(),
             theirs.rms / theirs.range, theirs.relative());
  EXPECT_LE(ours.rms, theirs.rms);
  // One token beside a router decision makes the maximum; which side it falls to is chance.
  EXPECT_LE(ours.max_abs, 1.25 * theirs.max_abs);
}

// The recorded token wherever the margin that the original had is larger than what rounding may
// move the two best logits; after a permitted difference the texts are different ones and end the
// walk.
TEST_P(GoldenGreedy, Continuation) {
  int compared = 0;
  for (int p = 0; p < kPrompts; ++p) {
    model_.reset();
    const std::vector<int32_t> want = truth_.ints(name(p, "greedy_ids"));
    const Values margins = truth_.values(name(p, "greedy_margins"));
    const double allowed = 2 * budget(truth_.values(name(p, "logits")));
    ASSERT_EQ(want.size(), static_cast<size_t>(kGreedyTokens));
    Values logits = model_.run({{0, ids(p), positions(p)}});
    int32_t position = positions(p).back();
    for (size_t i = 0; i < want.size(); ++i) {
      const auto* last = logits.data.data() + (logits.rows - 1) * logits.columns;
      const auto got = static_cast<int32_t>(std::max_element(last, last + logits.columns) - last);
      if (margins.data[i] > allowed) {
        ASSERT_EQ(got, want[i]) << "prompt " << p << ", token " << i << ", margin "
                                << margins.data[i];
        ++compared;
      } else if (got != want[i]) {
        break;
      }
      logits = model_.run({{0, {want[i]}, {++position}}});
    }
  }
  EXPECT_GE(compared, kGreedyTokens) << "too few tokens had a margin to compare by";
}

std::string parameter_name(const ::testing::TestParamInfo<std::tuple<Case, DeviceSetup>>& test) {
  return std::get<0>(test.param).name + "_" + std::get<1>(test.param).name;
}

INSTANTIATE_TEST_SUITE_P(, GoldenExact,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::ValuesIn(exact_setups())),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(, GoldenStorage,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::ValuesIn(bfloat16_storage_setups())),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(, GoldenGreedy,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::ValuesIn(all_setups())),
                         parameter_name);

// The published models' own frequencies, at the end of their context.
TEST(RopeTable, HasTheOriginalFrequenciesAtEveryPosition) {
  const GoldenFile truth(golden_path("moe_shared") + "/golden.safetensors");
  const Values frequencies = truth.values("rope.inv_freq_published");
  const std::vector<int32_t> positions{0, 1, 4095, 65536, 100003, 131071};
  for (const std::string device : {"reference", "cpu"}) {
    const auto backend = make_backend(device, {.dtype = DType::kF32, .num_threads = 1}).value();
    std::vector<int32_t> host = positions;
    std::vector<float> table(positions.size() * 128);
    const auto count = static_cast<int64_t>(positions.size());
    backend->rope_table({host.data(), DType::kI32, {count}}, 500000.0,
                        {table.data(), DType::kF32, {count, 64, 2}});
    for (size_t t = 0; t < positions.size(); ++t) {
      for (size_t j = 0; j < 64; ++j) {
        const float angle =
            static_cast<float>(positions[t]) * static_cast<float>(frequencies.data[j]);
        EXPECT_FLOAT_EQ(table[(t * 64 + j) * 2],
                        static_cast<float>(std::cos(static_cast<double>(angle))))
            << device << ", position " << positions[t] << ", pair " << j;
        EXPECT_FLOAT_EQ(table[(t * 64 + j) * 2 + 1],
                        static_cast<float>(std::sin(static_cast<double>(angle))))
            << device << ", position " << positions[t] << ", pair " << j;
      }
    }
  }
}

}  // namespace
}  // namespace ernie::testing
