// The law of the backends: a token's result is a function of its own sequence alone, bit for bit.

#include <gtest/gtest.h>

#include <random>

#include "backend/cpu/isa/select.h"
#include "model/model_harness.h"

namespace ernie::testing {
namespace {

constexpr int64_t kLength = 23;

BackendOptions cpu_options(DType dtype, int num_threads, const std::string& isa = "") {
  return {.dtype = dtype, .num_threads = num_threads, .isa = isa};
}

std::unique_ptr<WeightSource> weights() {
  return open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value();
}

std::vector<int32_t> ids_of(size_t sequence) { return random_ids(kLength, 320, 100 + sequence); }

/// Every logit of one sequence, computed alone and at once.
std::vector<double> alone(ModelHarness& model, size_t sequence) {
  model.reset();
  return model.run({{sequence, ids_of(sequence), positions_from(0, kLength)}}).data;
}

/// The same for all of `sequences`, in random chunks of random company.
std::vector<std::vector<double>> together(ModelHarness& model, size_t num_sequences,
                                          unsigned seed) {
  model.reset();
  std::mt19937 random(seed);
  std::vector<std::vector<double>> logits(num_sequences);
  std::vector<int64_t> done(num_sequences, 0);
  while (*std::min_element(done.begin(), done.end()) < kLength) {
    std::vector<Chunk> chunks;
    for (size_t s = 0; s < num_sequences; ++s) {
      const int64_t count =
          std::min<int64_t>(kLength - done[s], static_cast<int64_t>(random() % 8));
      if (count == 0) continue;
      const std::vector<int32_t> ids = ids_of(s);
      chunks.push_back({s,
                        {ids.begin() + done[s], ids.begin() + done[s] + count},
                        positions_from(done[s], count)});
      done[s] += count;
    }
    if (chunks.empty()) continue;
    std::shuffle(chunks.begin(), chunks.end(), random);
    const Values values = model.run(chunks);
    const double* row = values.data.data();
    for (const Chunk& chunk : chunks) {
      const auto size = static_cast<int64_t>(chunk.token_ids.size()) * values.columns;
      logits[chunk.sequence].insert(logits[chunk.sequence].end(), row, row + size);
      row += size;
    }
  }
  return logits;
}

class BatchInvariance : public ::testing::TestWithParam<std::pair<std::string, BackendOptions>> {};

TEST_P(BatchInvariance, SameBitsInAnyCompanyAndAnyChunks) {
  const auto& [device, options] = GetParam();
  ModelHarness model(weights(), device, options);
  constexpr size_t kSequences = 5;
  std::vector<std::vector<double>> want;
  for (size_t s = 0; s < kSequences; ++s) want.push_back(alone(model, s));
  const unsigned rounds = device == "cpu" ? 8 : 2;
  for (unsigned seed = 0; seed < rounds; ++seed) {
    const auto got = together(model, kSequences, seed);
    for (size_t s = 0; s < kSequences; ++s)
      ASSERT_EQ(got[s], want[s]) << "sequence " << s << ", seed " << seed;
  }
}

TEST_P(BatchInvariance, SameBitsForAnyBlockSize) {
  const auto& [device, options] = GetParam();
  ModelHarness small(weights(), device, options, 1), large(weights(), device, options, 16);
  EXPECT_EQ(alone(small, 0), alone(large, 0));
}

INSTANTIATE_TEST_SUITE_P(
    , BatchInvariance,
    ::testing::Values(std::pair{"reference", BackendOptions{.dtype = DType::kF32}},
                      std::pair{"reference", BackendOptions{.dtype = DType::kBF16}},
                      std::pair{"cpu", cpu_options(DType::kF32, 2)},
                      std::pair{"cpu", cpu_options(DType::kBF16, 3)}),
    [](const auto& test) {
      return test.param.first + "_" + std::string(dtype_name(test.param.second.dtype));
    });

TEST(CpuBackend, SameBitsForAnyNumberOfThreads) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    ModelHarness one(weights(), "cpu", cpu_options(dtype, 1));
    const std::vector<double> want = alone(one, 3);
    for (const int threads : {2, 3, 7}) {
      ModelHarness many(weights(), "cpu", cpu_options(dtype, threads));
      EXPECT_EQ(alone(many, 3), want) << threads << " threads, " << dtype_name(dtype);
    }
  }
}

TEST(CpuBackend, SameBitsForEveryInstructionSet) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    ModelHarness portable(weights(), "cpu", cpu_options(dtype, 1, "portable"));
    const std::vector<double> want = alone(portable, 2);
    for (const std::string& isa : cpu::runnable_isas()) {
      ModelHarness model(weights(), "cpu", cpu_options(dtype, 2, isa));
      EXPECT_EQ(alone(model, 2), want) << isa << ", " << dtype_name(dtype);
    }
  }
}

TEST(CpuBackend, MappedWeightsGiveTheSameBits) {
  BackendOptions mapped = cpu_options(DType::kBF16, 2);
  mapped.map_weights = true;
  ModelHarness a(weights(), "cpu", cpu_options(DType::kBF16, 2)), b(weights(), "cpu", mapped);
  EXPECT_EQ(alone(a, 1), alone(b, 1));
}

// Guards the tests above: different inputs must give different numbers, or equality would say
// nothing.
TEST(CpuBackend, DifferentSequencesDiffer) {
  ModelHarness model(weights(), "cpu", cpu_options(DType::kBF16, 2));
  EXPECT_NE(alone(model, 0), alone(model, 1));
}

}  // namespace
}  // namespace ernie::testing
