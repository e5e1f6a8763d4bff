// Every operation of every device against the reference in float32, over odd sizes: one element,
// just beside the vector width, primes, and the published models' widths.

#include <gtest/gtest.h>

#include <cmath>

#include "backend/registry.h"
#include "base/rng.h"

namespace ernie {
namespace {

/// Owns memory for a tensor of random normal values, or of given integers.
class Buffer {
 public:
  Buffer(const Shape& shape, uint64_t seed, float scale = 1.0f)
      : values_(HostTensor::allocate(DType::kF32, shape)) {
    auto values = values_.mutable_values<float>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = scale * philox_normal(seed, 1, i)[0];
  }
  explicit Buffer(const std::vector<int32_t>& ids)
      : Buffer(ids, {static_cast<int64_t>(ids.size())}) {}
  Buffer(const std::vector<int32_t>& ids, const Shape& shape)
      : values_(HostTensor::allocate(DType::kI32, shape)) {
    std::copy(ids.begin(), ids.end(), values_.mutable_values<int32_t>().begin());
  }
  /// Poisoned, so that what an operation does not write shows.
  static Buffer output(const Shape& shape, DType dtype = DType::kF32) {
    Buffer buffer(shape, 0);
    if (dtype == DType::kI32)
      return Buffer(std::vector<int32_t>(static_cast<size_t>(shape.num_elements()), -7), shape);
    for (float& x : buffer.values_.mutable_values<float>()) x = NAN;
    return buffer;
  }
  const HostTensor& host() const { return values_; }
  HostMatrix matrix() const { return values_; }
  Tensor tensor() const {
    return {const_cast<std::byte*>(values_.data()), values_.dtype(), values_.shape()};
  }
  std::span<const float> floats() const { return values_.values<float>(); }

 private:
  HostTensor values_;
};

/// Largest error, relative to the largest true value.
double error(const Buffer& got, const Buffer& want) {
  double largest = 0, worst = 0;
  for (size_t i = 0; i < want.floats().size(); ++i) {
    const double x = want.floats()[i], d = std::abs(static_cast<double>(got.floats()[i]) - x);
    largest = std::max(largest, std::abs(x));
    worst = d <= worst ? worst : (std::isnan(d) ? INFINITY : d);
  }
  return worst / std::max(largest, 1e-30);
}

std::vector<std::string> cpu_variants() {
  std::vector<std::string> names;
  for (const DeviceInfo& info : variants_of("cpu")) names.push_back(info.variant);
  return names;
}

class Operations : public ::testing::TestWithParam<std::string> {
 protected:
  /// Sums of n products in float32 lanes: a small multiple of sqrt(n) roundings.
  static constexpr double kTolerance = 3e-6;

  BackendOptions options_{.dtype = DType::kF32, .num_threads = 2, .isa = GetParam()};
  std::unique_ptr<Backend> cpu_ = make_backend("cpu", options_).value();
  std::unique_ptr<Backend> oracle_ = make_backend("reference", {.dtype = DType::kF32}).value();

  /// Runs `operation(backend, out)` on both and compares what they wrote.
  template <typename Operation>
  void expect_same(const Shape& out_shape, const Operation& operation,
                   double tolerance = kTolerance) {
    const Buffer got = Buffer::output(out_shape), want = Buffer::output(out_shape);
    operation(*cpu_, got.tensor());
    operation(*oracle_, want.tensor());
    EXPECT_LE(error(got, want), tolerance) << to_string(out_shape);
  }
};

TEST_P(Operations, Linear) {
  for (const auto& [tokens, in, out] : {std::tuple{1, 1, 1},
                                        {1, 15, 3},
                                        {2, 16, 5},
                                        {3, 17, 4},
                                        {7, 101, 33},
                                        {5, 2560, 70},
                                        {50, 96, 67}}) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      const Buffer x({tokens, in}, 1), w({out, in}, 2);
      const HostMatrix weight = w.host().converted(dtype);
      options_.dtype = dtype;
      cpu_ = make_backend("cpu", options_).value();
      // In two row blocks: they must be stacked.
      const std::vector<HostMatrix> blocks{weight.rows(0, out / 2), weight.rows(out / 2, out)};
      const std::span<const HostMatrix> used = out > 1 ? std::span(blocks) : std::span(&weight, 1);
      expect_same({tokens, out}, [&](Backend& backend, const Tensor& y) {
        const OperandPtr operand = backend.prepare_matrix(used, MatrixUse::kLinear).value();
        EXPECT_EQ(operand->shape(), (Shape{out, in}));
        backend.linear(x.tensor(), *operand, y);
      });
    }
  }
}

TEST_P(Operations, RmsNorm) {
  for (const auto& [tokens, width] : {std::pair{1, 1}, {7, 31}, {3, 64}, {4, 2560}}) {
    for (const float scale : {1.0f, 1e-3f, 1e4f}) {  // at 1e-3 eps counts
      const Buffer x({tokens, width}, 3, scale), w({width}, 4);
      expect_same({tokens, width}, [&](Backend& backend, const Tensor& y) {
        const OperandPtr weight = backend.prepare_vector(w.host(), VectorUse::kNorm).value();
        backend.rms_norm(x.tensor(), *weight, 1e-5f, y);
      });
    }
  }
}

TEST_P(Operations, SiluMulIsExactToAFewUnits) {
  for (const auto& [tokens, width] : {std::pair{1, 1}, {3, 17}, {2, 1536}}) {
    for (const float scale : {0.01f, 1.0f, 30.0f}) {
      const Buffer gate_up({tokens, 2 * width}, 5, scale);
      expect_same(
          {tokens, width}, [&](Backend& b, const Tensor& y) { b.silu_mul(gate_up.tensor(), y); },
          4e-7);
    }
  }
}

// The exponential over its whole range, element by element: silu(x) = x / (1 + exp(-x)).
TEST_P(Operations, SiluHasSmallRelativeErrorEverywhere) {
  constexpr int kPoints = 40000;
  const Buffer both = Buffer::output({1, 2 * kPoints}), got = Buffer::output({1, kPoints});
  auto* values = both.tensor().ptr<float>();
  for (int i = 0; i < kPoints; ++i) {
    values[i] = -85.0f + 170.0f * static_cast<float>(i) / kPoints;
    values[kPoints + i] = 1.0f;
  }
  cpu_->silu_mul(both.tensor(), got.tensor());
  for (int i = 0; i < kPoints; ++i) {
    const double x = values[i], want = x / (1 + std::exp(-x));
    ASSERT_NEAR(got.floats()[static_cast<size_t>(i)], want, 4e-7 * std::abs(want)) << "x = " << x;
  }
}

TEST_P(Operations, SiluOfHugeValuesAndNaN) {
  const Buffer both = Buffer::output({1, 12}), got = Buffer::output({1, 6});
  const float inputs[] = {1e30f, -1e38f, NAN,  0.0f, -100.0f, -INFINITY,
                          2.0f,  2.0f,   2.0f, 2.0f, 2.0f,    2.0f};
  std::copy(std::begin(inputs), std::end(inputs), both.tensor().ptr<float>());
  cpu_->silu_mul(both.tensor(), got.tensor());
  EXPECT_EQ(got.floats()[0], 2e30f);
  EXPECT_EQ(got.floats()[1], 0.0f);
  EXPECT_TRUE(std::isnan(got.floats()[2]));
  EXPECT_EQ(got.floats()[3], 0.0f);
  EXPECT_EQ(got.floats()[4], 0.0f);
  EXPECT_TRUE(std::isnan(got.floats()[5]));  // infinity over infinity, as in the original
}

TEST_P(Operations, AddAndGatherAndEmbedAreExact) {
  const Buffer x({5, 37}, 6), y({5, 37}, 7), rows({4, 0, 0, 3}), ids({2, 4, 1});
  expect_same(
      {5, 37}, [&](Backend& b, const Tensor& out) { b.add(x.tensor(), y.tensor(), out); }, 0);
  expect_same(
      {4, 37},
      [&](Backend& b, const Tensor& out) { b.gather_rows(x.tensor(), rows.tensor(), out); }, 0);
  expect_same(
      {3, 37},
      [&](Backend& b, const Tensor& out) {
        const OperandPtr table =
            b.prepare_matrix(std::array{x.matrix()}, MatrixUse::kEmbedding).value();
        b.embed(ids.tensor(), *table, 0, out);
      },
      0);
}

TEST_P(Operations, RopeTurnsQueriesAndKeysAndLeavesValues) {
  const QkvLayout layout{.num_heads = 4, .num_kv_heads = 2, .head_dim = 10};
  const Buffer positions({0, 5, 100003, 131071});
  const auto run = [&](Backend& backend, const Tensor& qkv) {
    const Buffer source({4, layout.row_size()}, 8), table = Buffer::output({4, 5, 2});
    std::copy(source.floats().begin(), source.floats().end(), qkv.ptr<float>());
    backend.rope_table(positions.tensor(), 500000.0, table.tensor());
    backend.rope(qkv, layout, table.tensor());
  };
  expect_same({4, layout.row_size()}, run, 1e-6);
  const Buffer turned = Buffer::output({4, layout.row_size()}), source({4, layout.row_size()}, 8);
  run(*cpu_, turned.tensor());
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t i = 0; i < layout.row_size(); ++i) {
      const auto at = static_cast<size_t>(t * layout.row_size() + i);
      const bool same = turned.floats()[at] == source.floats()[at];
      EXPECT_EQ(same, t == 0 || i >= layout.value_offset()) << "token " << t << ", column " << i;
    }
  }
}

TEST_P(Operations, AttentionOverScatteredBlocks) {
  struct Case {
    QkvLayout layout;
    int64_t block_size;
  };
  for (const auto& [layout, block_size] :
       {Case{{4, 2, 16}, 4}, Case{{5, 1, 10}, 3}, Case{{20, 4, 128}, 16}}) {
    // Sequence 0: 3 new tokens after 8 cached; sequence 1: 1 new token, nothing before.
    const Buffer history({8, layout.row_size()}, 9), fresh({4, layout.row_size()}, 10);
    const std::vector<int32_t> blocks{9, 2, 7, 1, 0, 0, 0, 0};
    const auto slot = [&, size = block_size](int64_t index) {
      return static_cast<int32_t>(blocks[static_cast<size_t>(index / size)] * size + index % size);
    };
    std::vector<int32_t> history_slots, fresh_slots;
    for (int64_t i = 0; i < 8; ++i) history_slots.push_back(slot(i));
    for (int64_t i = 8; i < 11; ++i) fresh_slots.push_back(slot(i));
    fresh_slots.push_back(static_cast<int32_t>(5 * block_size));
    const Buffer query_start({0, 3, 4}), context_lens({11, 1});
    const Buffer tables({9, 2, 7, 1, 5, -1, -1, -1}, Shape{2, 4});
    const Buffer slots0(history_slots), slots1(fresh_slots);
    expect_same({4, layout.q_size()}, [&, l = layout, size = block_size](Backend& backend,
                                                                         const Tensor& out) {
      const auto cache =
          backend.allocate_kv_cache({2, 10, size, l.num_kv_heads, l.head_dim}).value();
      backend.store_kv(history.tensor(), l, slots0.tensor(), *cache, 1);
      backend.store_kv(fresh.tensor(), l, slots1.tensor(), *cache, 1);
      backend.attention(fresh.tensor(), l, *cache, 1,
                        {query_start.tensor(), context_lens.tensor(), tables.tensor(), 11}, out);
    });
  }
}

// A context whose parts were copied from elsewhere is read as if it had been stored there.
TEST_P(Operations, CopiedKeysAndValuesAreTheSameBits) {
  const QkvLayout layout{4, 2, 16};
  constexpr int64_t kTokens = 7, kBlock = 4;
  const Buffer rows({kTokens, layout.row_size()}, 9), query_start({0, kTokens}),
      context_lens({static_cast<int32_t>(kTokens)});
  // Block 5 and three slots of block 2; copied to block 1, and to block 3.
  const Buffer stored(std::vector<int32_t>{20, 21, 22, 23, 8, 9, 10});
  const std::vector<KvCopy> copies{{20, 4, 4}, {8, 12, 2}, {10, 14, 1}};
  const Buffer from({5, 2}, Shape{1, 2}), to({1, 3}, Shape{1, 2});
  for (Backend* backend : {cpu_.get(), oracle_.get()}) {
    const auto cache = backend->allocate_kv_cache({2, 6, kBlock, 2, 16}).value();
    for (int64_t layer = 0; layer < 2; ++layer) {
      backend->store_kv(rows.tensor(), layout, stored.tensor(), *cache, layer);
    }
    backend->copy_kv(*cache, copies);
    for (int64_t layer = 0; layer < 2; ++layer) {
      const Buffer want = Buffer::output({kTokens, layout.q_size()}),
                   got = Buffer::output({kTokens, layout.q_size()});
      const auto attend = [&](const Buffer& table, const Buffer& out) {
        backend->attention(rows.tensor(), layout, *cache, layer,
                           {query_start.tensor(), context_lens.tensor(), table.tensor(), kTokens},
                           out.tensor());
      };
      attend(from, want);
      attend(to, got);
      EXPECT_TRUE(std::ranges::equal(want.floats(), got.floats())) << "layer " << layer;
      EXPECT_NE(got.floats()[0], 0);
    }
  }
}

TEST_P(Operations, RouteChoosesByBiasedAndWeighsByUnbiasedProbability) {
  constexpr int64_t kTokens = 200, kExperts = 64, kChosen = 6;
  const Buffer logits({kTokens, kExperts}, 11, 2.0f), bias({kExperts}, 12, 0.02f);
  const Buffer ids = Buffer::output({kTokens, kChosen}, DType::kI32),
               want_ids = Buffer::output({kTokens, kChosen}, DType::kI32);
  const Buffer weights = Buffer::output({kTokens, kChosen}),
               want_weights = Buffer::output({kTokens, kChosen});
  const auto run = [&](Backend& backend, const Buffer& out_ids, const Buffer& out_weights) {
    const OperandPtr operand = backend.prepare_vector(bias.host(), VectorUse::kRouterBias).value();
    backend.route(logits.tensor(), *operand, 1e-12f, out_ids.tensor(), out_weights.tensor());
  };
  run(*cpu_, ids, weights);
  run(*oracle_, want_ids, want_weights);
  EXPECT_TRUE(std::ranges::equal(ids.host().values<int32_t>(), want_ids.host().values<int32_t>()));
  EXPECT_LE(error(weights, want_weights), 1e-6);
}

TEST_P(Operations, RouteTakesTheLowerIdOfATie) {
  const Buffer bias({8}, 1, 0.0f), logits({1, 8}, 1, 0.0f);
  const Buffer ids = Buffer::output({1, 3}, DType::kI32), weights = Buffer::output({1, 3});
  for (Backend* backend : {cpu_.get(), oracle_.get()}) {
    const OperandPtr operand = backend->prepare_vector(bias.host(), VectorUse::kRouterBias).value();
    backend->route(logits.tensor(), *operand, 1e-12f, ids.tensor(), weights.tensor());
    const auto got = ids.host().values<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(got.begin(), got.end()), (std::vector<int32_t>{0, 1, 2}));
    EXPECT_FLOAT_EQ(weights.floats()[0], 1.0f / 3);
  }
}

TEST_P(Operations, Experts) {
  for (const auto& [tokens, hidden, width] : {std::tuple{1, 17, 5}, {9, 40, 33}, {30, 64, 24}}) {
    constexpr int64_t kExperts = 7, kChosen = 3;
    std::vector<ExpertMatrices> all;
    for (uint64_t e = 0; e < kExperts; ++e) {
      all.push_back({Buffer({width, hidden}, 20 + e).host(), Buffer({width, hidden}, 40 + e).host(),
                     Buffer({hidden, width}, 60 + e).host()});
    }
    std::vector<int32_t> chosen;
    for (int t = 0; t < tokens; ++t) {
      for (int j = 0; j < kChosen; ++j)
        chosen.push_back((t * t + 2 * j) % static_cast<int>(kExperts));
    }
    const Buffer x({tokens, hidden}, 13), weights({tokens, kChosen}, 14),
        ids(chosen, {tokens, kChosen});
    expect_same({tokens, hidden}, [&](Backend& backend, const Tensor& out) {
      const OperandPtr operand = backend.prepare_experts({kExperts, hidden, width}, all).value();
      backend.experts(x.tensor(), ids.tensor(), weights.tensor(), *operand, 0, out);
    });
  }
}

// A rank's part of the vocabulary and of the experts: what is elsewhere adds nothing.
TEST_P(Operations, PartsOfAModelAddUpToTheWhole) {
  constexpr int64_t kTokens = 6, kHidden = 24, kWidth = 20, kRows = 9, kExperts = 5, kChosen = 2;
  const Buffer x({kTokens, kHidden}, 1), table({kRows, kHidden}, 2), weights({kTokens, kChosen}, 3);
  const Buffer ids(std::vector<int32_t>{0, 4, 5, 8, 3, 5});
  const Buffer chosen(std::vector<int32_t>{0, 1, 2, 4, 4, 3, 1, 0, 2, 1, 3, 0}, {kTokens, kChosen});
  std::vector<ExpertMatrices> experts;
  for (uint64_t e = 0; e < kExperts; ++e) {
    experts.push_back({Buffer({kWidth, kHidden}, 10 + e).matrix(),
                       Buffer({kWidth, kHidden}, 20 + e).matrix(),
                       Buffer({kHidden, kWidth}, 30 + e).matrix()});
  }
  // Each side has the parts [0, 3), [3, 3) and [3, end).
  const auto sum_of_parts = [&](Backend& backend, const Tensor& out, int64_t end, auto compute) {
    const Buffer part = Buffer::output({kTokens, kHidden});
    for (const auto& [begin, part_end] : {std::pair{int64_t{0}, int64_t{3}}, {3, 3}, {3, end}}) {
      compute(begin, part_end, begin == 0 ? out : part.tensor());
      if (begin != 0) backend.add(out, part.tensor(), out);
    }
  };
  expect_same({kTokens, kHidden}, [&](Backend& backend, const Tensor& out) {
    if (&backend == oracle_.get()) {
      const OperandPtr whole =
          backend.prepare_matrix(std::array{table.matrix()}, MatrixUse::kEmbedding).value();
      return backend.embed(ids.tensor(), *whole, 0, out);
    }
    sum_of_parts(backend, out, kRows, [&](int64_t begin, int64_t end, const Tensor& part) {
      const OperandPtr rows =
          backend.prepare_matrix(std::array{table.matrix().rows(begin, end)}, MatrixUse::kEmbedding)
              .value();
      backend.embed(ids.tensor(), *rows, begin, part);
    });
  });
  expect_same({kTokens, kHidden}, [&](Backend& backend, const Tensor& out) {
    const auto run = [&](int64_t begin, int64_t end, const Tensor& part) {
      const auto some =
          std::span(experts).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      const OperandPtr operand =
          backend.prepare_experts({end - begin, kHidden, kWidth}, some).value();
      backend.experts(x.tensor(), chosen.tensor(), weights.tensor(), *operand, begin, part);
    };
    if (&backend == oracle_.get()) return run(0, kExperts, out);
    sum_of_parts(backend, out, kExperts, run);
  });
}

TEST_P(Operations, LinearOfNoColumnsIsZero) {
  const Buffer x({3, 0}, 1), w({4, 0}, 2);
  expect_same({3, 4}, [&](Backend& backend, const Tensor& out) {
    const OperandPtr operand =
        backend.prepare_matrix(std::array{w.matrix()}, MatrixUse::kLinear).value();
    backend.linear(x.tensor(), *operand, out);
    for (int64_t i = 0; i < 12; ++i) EXPECT_EQ(out.ptr<float>()[i], 0.0f);
  });
}

INSTANTIATE_TEST_SUITE_P(, Operations, ::testing::ValuesIn(cpu_variants()),
                         [](const auto& test) { return test.param; });

// 1 + 2^-40 is no float: an oracle that stored one anywhere would lose it.
TEST(ReferenceInDouble, RoundsNothing) {
  const auto oracle = make_backend("reference", {.dtype = DType::kF64}).value();
  ASSERT_EQ(oracle->activation_dtype(), DType::kF64);
  const double x[] = {1 + 0x1p-40, 3.0};
  double y[2] = {NAN, NAN};
  const auto tensor = [](double* p) { return Tensor{p, DType::kF64, {1, 2}}; };
  const Tensor in = tensor(const_cast<double*>(x)), out = tensor(y);
  HostTensor identity = HostTensor::allocate(DType::kF32, {2, 2});
  identity.mutable_values<float>()[0] = identity.mutable_values<float>()[3] = 1;
  const OperandPtr matrix =
      oracle->prepare_matrix(std::array{HostMatrix(identity)}, MatrixUse::kLinear).value();
  oracle->linear(in, *matrix, out);
  EXPECT_EQ(y[0], 1 + 0x1p-40);
  oracle->add(in, in, out);
  EXPECT_EQ(y[0], 2 + 0x1p-39);
  HostTensor ones = HostTensor::allocate(DType::kF32, {2});
  for (float& one : ones.mutable_values<float>()) one = 1;
  const OperandPtr weight = oracle->prepare_vector(ones, VectorUse::kNorm).value();
  oracle->rms_norm(in, *weight, 0.0f, out);
  EXPECT_DOUBLE_EQ(y[0], x[0] / std::sqrt((x[0] * x[0] + 9) / 2));
}

TEST(Registry, EveryDeviceCanBeMadeAndIsWhatItSays) {
  const std::vector<DeviceInfo> all = devices();
  ASSERT_GE(all.size(), 2u);
  int num_oracles = 0;
  for (const DeviceInfo& info : all) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      const auto backend =
          make_backend(info.name, {.dtype = dtype, .num_threads = 1, .isa = info.variant});
      ASSERT_TRUE(backend) << info.name << " " << info.variant;
      EXPECT_EQ((*backend)->activation_dtype(), info.activations_for(dtype)) << info.name;
    }
    num_oracles += info.is_oracle;
  }
  EXPECT_EQ(num_oracles, 1);
  EXPECT_EQ(find_device("cpu", "")->variant, all.front().variant);
  EXPECT_TRUE(find_device("cpu", "portable")->is_scalar);
  EXPECT_FALSE(find_device("cpu", "mmx"));
  EXPECT_FALSE(find_device("gpu", ""));
}

TEST(Registry, RefusesWhatItDoesNotKnowWithTheChoices) {
  const auto message = [](const std::string& name, const BackendOptions& options) {
    const auto backend = make_backend(name, options);
    return backend ? std::string("made") : backend.error().message;
  };
  EXPECT_EQ(message("gpu", {}), "device: got \"gpu\", expected one of cpu, reference");
  EXPECT_NE(
      message("cpu", {.isa = "mmx"}).find("isa: got \"mmx\", expected one this machine runs:"),
      std::string::npos);
  EXPECT_EQ(message("cpu", {.dtype = DType::kF16}), "dtype: got F16, expected F32 or BF16");
  EXPECT_EQ(message("cpu", {.num_threads = -1}), "threads: got -1, expected 0 to 1024");
  EXPECT_EQ(message("cpu", {.num_threads = 1, .isa = "portable"}), "made");
}

TEST(ContractsDeathTest, AWrongShapeIsABug) {
  const auto backend = make_backend("cpu", {.dtype = DType::kF32, .num_threads = 1}).value();
  const Buffer x({2, 3}, 1), w({4, 5}, 2), out = Buffer::output({2, 4});
  const OperandPtr weight =
      backend->prepare_matrix(std::array{w.matrix()}, MatrixUse::kLinear).value();
  EXPECT_DEATH(backend->linear(x.tensor(), *weight, out.tensor()),
               "x: got F32 \\[2, 3\\], expected F32 \\[2, 5\\]");
}

}  // namespace
}  // namespace ernie
