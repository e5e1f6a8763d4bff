#include "bench/machine_load.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/test_directory.h"

namespace ernie::bench {
namespace {

TEST(LoadMeter, OthersHadWhatThisProcessHadNot) {
  const TestDirectory folder;
  const std::string stat = folder.write("stat", "cpu  100 0 50 9000 7 0 0 0 0 0\n");
  const LoadMeter meter(stat);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  // 1,000 ticks for others, of which 200 were stolen; idle and waiting time is nobody's.
  folder.write("stat", "cpu  700 100 150 9999 999 0 0 200 0 0\n");
  const auto load = meter.load();
  ASSERT_TRUE(load);
  const double ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_NEAR(load->own_s + load->others_s, 1000 / ticks_per_s, 1e-9);
  EXPECT_GT(load->wall_s, 0.019);
  EXPECT_TRUE(load->is_busy());
}

TEST(LoadMeter, IsSilentWhereTheSystemIs) {
  const TestDirectory folder;
  EXPECT_FALSE(LoadMeter(folder.file("absent")).load());
  EXPECT_FALSE(LoadMeter(folder.write("stat", "intr 1 2 3")).load());
}

TEST(AddLoad, ABusyMachineIsSaidFirst) {
  report::Report report;
  report.summary = {"12 tok/s.", "12 tok/s。"};
  MachineLoad load{.wall_s = 10, .num_processors = 2, .own_s = 18, .others_s = 0.9};
  add_load(load, report);
  EXPECT_EQ(report.summary.en, "12 tok/s.");
  EXPECT_EQ(report.environment.back().second,
            "1.80 of 2 processors, others 4 %; load average 0.00");
  load.others_s = 7.4;
  add_load(load, report);
  EXPECT_EQ(report.summary.en,
            "Busy machine, do not quote: other programs had 37 % of the processors. 12 tok/s.");
  EXPECT_TRUE(report.summary.zh.ends_with("。12 tok/s。"));
  EXPECT_EQ(report.verdict, report::Verdict::kWarn);
  EXPECT_EQ(load_to_json(load).at("busy"), true);
}

}  // namespace
}  // namespace ernie::bench
