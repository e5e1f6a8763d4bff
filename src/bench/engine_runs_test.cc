// What surrounds the timing of whole models: memory and energy counters, lengths, figures, reports.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/test_directory.h"
#include "bench/engine_report.h"

namespace ernie::bench {
namespace {

namespace fs = std::filesystem;

class EnergyTest : public ::testing::Test {
 protected:
  void write(const std::string& counter, const std::string& file, uint64_t value) {
    fs::create_directories(folder_ / counter);
    std::ofstream(folder_ / counter / file) << value << "\n";
  }
  const TestDirectory directory_;
  const fs::path folder_ = directory_.path();
};

TEST_F(EnergyTest, AbsentCounters) {
  EXPECT_FALSE(EnergyMeter((folder_ / "absent").string()).available());
  const EnergyMeter meter(folder_.string());
  EXPECT_FALSE(meter.available());
  EXPECT_FALSE(meter.joules().has_value());
}

TEST_F(EnergyTest, PackagesAreAddedAndMayWrap) {
  write("intel-rapl:0", "energy_uj", 5'000'000);
  write("intel-rapl:0", "max_energy_range_uj", 10'000'000);
  write("intel-rapl:1", "energy_uj", 100);
  write("intel-rapl:0:0", "energy_uj", 1);  // a part of package 0
  EnergyMeter meter(folder_.string());
  ASSERT_TRUE(meter.available());
  EXPECT_DOUBLE_EQ(*meter.joules(), 0);
  write("intel-rapl:0", "energy_uj", 7'000'000);
  write("intel-rapl:1", "energy_uj", 500'100);
  write("intel-rapl:0:0", "energy_uj", 9'000'000);
  EXPECT_DOUBLE_EQ(*meter.joules(), 2.5);
  write("intel-rapl:0", "energy_uj", 1'000'000);
  EXPECT_DOUBLE_EQ(*meter.joules(), 6.5);
  meter.restart();
  EXPECT_DOUBLE_EQ(*meter.joules(), 0);
}

TEST(Process, HasMemoryAndAge) {
  const ProcessMemory memory = process_memory();
  EXPECT_GT(memory.rss_bytes, 1u << 20);
  EXPECT_GE(memory.peak_rss_bytes, memory.rss_bytes);
  EXPECT_GE(process_age_s(), 0);
  EXPECT_LT(process_age_s(), 3600);
}

TEST(Latency, LengthsLeaveRoomForEveryRow) {
  LatencyOptions options{.input_lens = {100}, .depths = {0}, .output_len = 8};
  EXPECT_EQ(needed_model_len(options, {}), 101);
  options.depths = {1000};
  // 2 sequences of 1000 by 510 tokens a step: 4 steps, and one to spare.
  options.batch_sizes = {1, 2};
  EXPECT_EQ(needed_model_len(options, {}), 1000 + 8 + 1 + 5);
}

TEST(Latency, PromptsAreRandomRepeatableAndInTheVocabulary) {
  ModelConfig config;
  config.vocab_size = 1000;
  const auto prompt = random_prompt(config, 5000, 1, 2);
  EXPECT_EQ(prompt, random_prompt(config, 5000, 1, 2));
  EXPECT_NE(prompt, random_prompt(config, 5000, 1, 3));
  EXPECT_EQ(*std::ranges::min_element(prompt), 256);
  EXPECT_EQ(*std::ranges::max_element(prompt), 999);
}

ThroughputRun throughput_run() {
  ThroughputRun run{.source = "random"};
  run.facts.max_num_seqs = 2;
  run.limits.peaks = {{"float32 fma", "avx2", 50, 100}};
  run.limits.all_read_gb_per_s = 20;
  run.requests = {{10, 3, 1, 3}, {20, 1, 2, 2}};
  run.steps = {{1, 1}, {2, 2}, {4, 1}};
  run.elapsed_s = 4;
  run.limit = {1, true};
  return run;
}

TEST(Throughput, HandWorked) {
  const ThroughputFigures figures = throughput_figures(throughput_run());
  EXPECT_EQ(figures.num_prompt_tokens, 30);
  EXPECT_EQ(figures.num_output_tokens, 4);
  EXPECT_DOUBLE_EQ(figures.requests_per_s, 0.5);
  EXPECT_DOUBLE_EQ(figures.input_tokens_per_s, 7.5);
  EXPECT_DOUBLE_EQ(figures.output_tokens_per_s, 1);
  EXPECT_DOUBLE_EQ(figures.total_tokens_per_s, 8.5);
  EXPECT_DOUBLE_EQ(figures.sequences_per_step, (1 * 1 + 1 * 2 + 2 * 1) / 4.0);
  EXPECT_EQ(figures.per_token_s, (std::vector<double>{1}));
}

TEST(Throughput, AShareAboveOneIsAWarning) {
  ThroughputRun run = throughput_run();
  EXPECT_EQ(throughput_report(run).verdict, report::Verdict::kNone);
  run.limit.seconds = 5;
  EXPECT_EQ(throughput_report(run).verdict, report::Verdict::kWarn);
}

}  // namespace
}  // namespace ernie::bench
