// The report of a run of operations: each figure stands where its heading says, and what is not to
// be trusted is marked.

#include "bench/ops_report.h"

#include <gtest/gtest.h>

#include "bench/ops_json.h"
#include "bench/report_parts.h"

namespace ernie::bench {
namespace {

using report::Verdict;

/// The cell under a heading of the row of that name, in the table whose caption begins so.
const report::Cell* find_cell(const report::Report& report, const std::string& caption,
                              const std::string& row, const std::string& heading) {
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* table = std::get_if<report::Table>(&block);
      if (table == nullptr || !table->caption.en.starts_with(caption)) continue;
      for (const auto& cells : table->rows) {
        if (cells.at(0).text.en != row) continue;
        for (size_t i = 0; i < cells.size(); ++i) {
          if (table->columns.at(i).heading.en == heading) return &cells[i];
        }
      }
    }
  }
  return nullptr;
}

std::string cell_text(const report::Report& report, const std::string& caption,
                      const std::string& row, const std::string& heading) {
  const report::Cell* cell = find_cell(report, caption, row, heading);
  return cell == nullptr ? "no such cell" : cell->text.en;
}

/// Whether a paragraph with a warning has that text in it.
bool warns_of(const report::Report& report, const std::string& text) {
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* paragraph = std::get_if<report::Paragraph>(&block);
      if (paragraph == nullptr || paragraph->verdict != Verdict::kWarn) continue;
      if (paragraph->text.en.find(text) != std::string::npos) return true;
    }
  }
  return false;
}

/// Limits: 20 GB/s, 100 GFLOP/s.
OpRun run_of(std::vector<OpResult> results) {
  OpRun run{.suite = "model", .device = "cpu"};
  run.limits = {.num_threads = 4,
                .one_read_gb_per_s = 8,
                .all_read_gb_per_s = 20,
                .peaks = {{"float32 fma", "avx2", 30, 100}, {"int8 dot", "avx2", 60, 200}}};
  run.results = std::move(results);
  return run;
}

/// 1 GB and 2 G operations: 50 ms by memory, 20 ms by arithmetic.
OpResult by_memory() {
  return {.op = "linear",
          .name = {"reads"},
          .shape = "1 × 2",
          .tokens = 4,
          .cost = {.operations = 2e9, .bytes = 1e9},
          .samples = {0.3, 0.1, 0.2, 0.2, 0.2},
          .glimpses = {{20, 20}, {100, 100}}};
}

/// 0.2 GB and 8 G operations: 10 ms by memory, 80 ms by arithmetic.
OpResult by_arithmetic() {
  return {.op = "experts",
          .name = {"multiplies"},
          .shape = "3 × 4",
          .tokens = 1000,
          .cost = {.operations = 8e9, .bytes = 0.2e9},
          .samples = {0.1},
          .glimpses = {{20, 20}, {100, 100}}};
}

TEST(OpsReport, TimesAreThoseOfTheSamples) {
  const report::Report report = ops_report(run_of({by_memory(), by_arithmetic()}), nullptr);
  const auto time = [&](const char* row, const char* heading) {
    return cell_text(report, "Time per call", row, heading);
  };
  // Squares of the distances from the mean: 0.01 + 0.01, by four.
  EXPECT_EQ(time("reads", "mean ± sd"), "200 ms ± 71 ms");
  EXPECT_EQ(time("reads", "median"), "200 ms");
  EXPECT_EQ(time("reads", "p5"), "120 ms") << "a fifth of the way from 100 to 200";
  EXPECT_EQ(time("reads", "p95"), "280 ms");
  EXPECT_EQ(time("reads", "tokens/s"), "20");
  EXPECT_EQ(time("multiplies", "tokens/s"), "10000");
  EXPECT_EQ(time("reads", "samples"), "5");
}

TEST(OpsReport, SharesAreOfTheLimitThatBinds) {
  const report::Report report = ops_report(run_of({by_memory(), by_arithmetic()}), nullptr);
  const auto share = [&](const char* row, const char* heading) {
    return cell_text(report, "Share of this machine's limit", row, heading);
  };
  EXPECT_EQ(share("reads", "limit"), "50 ms");
  EXPECT_EQ(share("reads", "bound by"), "memory");
  EXPECT_EQ(share("reads", "share of the limit"), "25%");
  EXPECT_EQ(share("reads", "B/s"), "5 G");
  EXPECT_EQ(share("reads", "FLOP/s"), "10 G");
  EXPECT_EQ(share("multiplies", "limit"), "80 ms");
  EXPECT_EQ(share("multiplies", "bound by"), "arithmetic");
  EXPECT_EQ(share("multiplies", "share of the limit"), "80%");
  EXPECT_EQ(report.verdict, Verdict::kNone);
  EXPECT_EQ(
      report.summary.en,
      "2 operations on cpu: 25% to 80% of this machine's limit (memory or arithmetic, whichever "
      "binds each), median 52.5%.");
}

TEST(OpsReport, ARowAboveItsLimitIsNamed) {
  OpResult fast = by_arithmetic();
  fast.samples = {0.04};
  const report::Report report = ops_report(run_of({by_memory(), fast}), nullptr);
  EXPECT_EQ(report.verdict, Verdict::kWarn);
  EXPECT_TRUE(warns_of(report, "which cannot be: multiplies, 3 × 4."));
  const char* shares = "Share of this machine's limit";
  EXPECT_EQ(find_cell(report, shares, "multiplies", "share of the limit")->verdict, Verdict::kWarn);
  EXPECT_EQ(find_cell(report, shares, "reads", "share of the limit")->verdict, Verdict::kNone);
}

TEST(OpsReport, ARowThatTheMachineWasSlowDuringIsMarked) {
  OpResult slow = by_arithmetic();
  slow.glimpses = {{20, 20}, {85, 85}};
  OpResult nearly = by_memory();
  nearly.name = {"nearly"};
  nearly.glimpses = {{18.2, 18.2}, {100, 100}};
  const auto report = ops_report(run_of({by_memory(), by_memory(), nearly, slow}), nullptr);
  const auto machine = [&](const char* row) {
    return *find_cell(report, "Share of this machine's limit", row, "machine");
  };
  EXPECT_EQ(machine("multiplies").text.en, "85%") << "the slower of both kinds";
  EXPECT_EQ(machine("multiplies").verdict, Verdict::kWarn);
  EXPECT_EQ(machine("nearly").text.en, "91%");
  EXPECT_EQ(machine("nearly").verdict, Verdict::kNone);
  EXPECT_EQ(machine("reads").verdict, Verdict::kNone);
  EXPECT_TRUE(warns_of(report, "It was not steady"));
  EXPECT_FALSE(warns_of(ops_report(run_of({by_memory(), nearly}), nullptr), "not steady"));
}

TEST(OpsReport, PublishedFiguresStandBesideOurs) {
  OpResult published = by_memory();
  published.published = PublishedFigure{.mean_ms = 0.5, .sd_ms = 0.025, .tokens_per_s = 24000};
  OpResult no_rate = published;
  no_rate.name = {"no rate"};
  no_rate.published->tokens_per_s = 0;
  OpResult quick = published, wavers = published;
  quick.name = {"quick"};
  quick.samples = {0.000125};
  wavers.name = {"wavers"};
  wavers.samples = {0.0528225 - 0.0027369, 0.0528225 + 0.0027369};
  const report::Report report =
      ops_report(run_of({published, no_rate, quick, wavers, by_arithmetic()}), nullptr);
  const auto figure = [&](const char* row, const char* heading) {
    return cell_text(report, "Mean ± standard deviation beside", row, heading);
  };
  EXPECT_EQ(figure("reads", "time here"), "200 ± 71 ms") << "no digit that the deviation drowns";
  EXPECT_EQ(figure("reads", "time, Ascend 910"), "0.5000 ± 0.0250 ms") << "as published";
  EXPECT_EQ(figure("reads", "here, relative to the Ascend"), "400× slower");
  EXPECT_EQ(figure("reads", "tokens/s here"), "20");
  EXPECT_EQ(figure("reads", "tokens/s, Ascend 910"), "24000");
  EXPECT_EQ(figure("reads", "share of this machine's limit"), "25%");
  EXPECT_EQ(figure("multiplies", "time here"), "no such cell") << "nothing was published of it";
  EXPECT_EQ(figure("no rate", "here, relative to the Ascend"), "400× slower");
  EXPECT_EQ(figure("quick", "time here"), "0.1250 ± 0.0000 ms") << "no deviation, four decimals";
  EXPECT_EQ(figure("quick", "here, relative to the Ascend"), "4× faster");
  EXPECT_EQ(figure("wavers", "time here"), "52.8 ± 3.9 ms");
  const report::Report without = ops_report(run_of({by_memory()}), nullptr);
  for (const report::Section& section : without.sections) {
    EXPECT_NE(section.heading.en, "Published figures");
  }
}

TEST(ReportParts, LimitsNameTheirThreads) {
  MachineLimits limits = run_of({}).limits;
  report::Table table = limits_table(limits);
  ASSERT_EQ(table.columns.size(), 4u);
  EXPECT_EQ(table.columns[2].heading.en, "1 thread");
  EXPECT_EQ(table.columns[3].heading.en, "4 threads");
  EXPECT_EQ(table.rows.at(0).at(2).text.en, "8 GB/s");
  EXPECT_EQ(table.rows.at(0).at(3).text.en, "20 GB/s");
  EXPECT_EQ(table.rows.at(1).at(3).text.en, "100 GFLOP/s");
  EXPECT_EQ(table.rows.at(2).at(3).text.en, "200 Gop/s") << "integers are no floating point";
  limits.num_threads = 1;
  table = limits_table(limits);
  EXPECT_EQ(table.columns.size(), 3u) << "one thread is all of them";
  for (const auto& row : table.rows) EXPECT_EQ(row.size(), 3u);
}

TEST(ReportParts, ADistributionRunsFromTheSmallestToTheLargest) {
  const report::Series few = distribution({"x"}, std::vector<double>{3, 1, 2}, 10);
  ASSERT_EQ(few.points.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(few.points[i].x, 10.0 * static_cast<double>(i + 1));
    EXPECT_DOUBLE_EQ(few.points[i].y, 0.5 * static_cast<double>(i));
  }
  std::vector<double> many;
  for (int i = 1000; i >= 0; --i) many.push_back(i);
  const report::Series thin = distribution({"x"}, many, 1);
  EXPECT_EQ(thin.points.size(), 100u);
  EXPECT_EQ(thin.points.front().x, 0);
  EXPECT_EQ(thin.points.back().x, 1000);
  const report::Series one = distribution({"x"}, std::vector<double>{5}, 1);
  ASSERT_EQ(one.points.size(), 1u);
  EXPECT_EQ(one.points[0].y, 1) << "no sample is slower";
  EXPECT_TRUE(distribution({"x"}, {}, 1).points.empty());
}

TEST(OpsJson, KeepsAFewHundredSamplesButCountsAll) {
  OpResult row = by_memory();
  row.samples.assign(10'000, 0.25);
  const auto object = ops_to_json(run_of({row}), {}, nullptr);
  const auto& saved = object.at("rows").at(0).as_object();
  EXPECT_EQ(saved.at("samples_s").as_array().size(), kKeptSamples);
  EXPECT_EQ(saved.at("time").at("count"), 10'000);
  EXPECT_EQ(saved.at("tokens_per_s"), 16.0);
  EXPECT_EQ(saved.at("gb_per_s"), 4.0);
  EXPECT_EQ(saved.at("share_of_limit"), 0.2);
  EXPECT_EQ(saved.at("limited_by"), "memory");
  EXPECT_EQ(saved.if_contains("published"), nullptr);
}

}  // namespace
}  // namespace ernie::bench
