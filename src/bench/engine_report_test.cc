// Reports and JSON of whole-model runs whose figures were made up, so that they can be worked out.

#include "bench/engine_report.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>

#include "bench/engine_json.h"

namespace ernie::bench {
namespace {

using report::Verdict;

/// The cells of a table's row, by the English heading of its column.
using NamedCells = std::map<std::string, report::Cell>;

/// Row `index` of the table whose caption begins so; empty if there is none.
NamedCells row_of(const report::Report& report, const std::string& caption, size_t index) {
  NamedCells cells;
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* table = std::get_if<report::Table>(&block);
      if (table == nullptr || !table->caption.en.starts_with(caption)) continue;
      for (size_t i = 0; i < table->columns.size() && index < table->rows.size(); ++i) {
        cells[table->columns[i].heading.en] = table->rows[index].at(i);
      }
    }
  }
  return cells;
}

/// The figure beside a name in a table of names and figures.
std::string figure_of(const report::Report& report, const std::string& caption,
                      const std::string& name) {
  for (size_t i = 0;; ++i) {
    const NamedCells row = row_of(report, caption, i);
    if (row.empty()) return "no such row";
    if (row.at("what").text.en == name) return row.at("figure").text.en;
  }
}

LatencyRun latency_run() {
  LatencyRun run;
  run.facts.model = "small";
  run.facts.device = "abacus";
  run.facts.weight_bytes = 3 << 20;
  run.facts.ready_memory = {5 << 20, 6 << 20};
  run.last_memory = {7 << 20, 9 << 20};
  run.limits.peaks = {{"float32 fma", "avx2", 50, 100}};
  run.limits.all_read_gb_per_s = 20;
  run.has_energy = true;
  // Two iterations of two prompts of 50 tokens. A token for every 100 µJ.
  run.prefill = {{.input_len = 50,
                  .batch_size = 2,
                  .first_token_s = {0.1, 0.2, 0.1, 0.3},
                  .batch_s = {0.2, 0.3},
                  .limit = {0.1, false},
                  .joules = 0.02}};
  // Four steps of three sequences. A token for every 2 mJ.
  run.decode = {{.depth = 8,
                 .batch_size = 3,
                 .step_s = {0.01, 0.01, 0.02, 0.04},
                 .step_cost = {.operations = 1e6, .bytes = 3e6},
                 .limit = {0.012, true},
                 .joules = 0.024}};
  return run;
}

TEST(LatencyReport, PrefillIsJudgedByTheWholeBatch) {
  const report::Report report = latency_report(latency_run());
  const NamedCells row = row_of(report, "Prefill", 0);
  EXPECT_EQ(row.at("prompt").text.en, "50");
  EXPECT_EQ(row.at("batch").text.en, "2");
  EXPECT_EQ(row.at("first token, mean").text.en, "175 ms");
  EXPECT_EQ(row.at("p50").text.en, "150 ms");
  EXPECT_EQ(row.at("tokens/s").text.en, "400") << "100 tokens in 250 ms";
  EXPECT_EQ(row.at("limit of the batch").text.en, "100 ms");
  EXPECT_EQ(row.at("bound by").text.en, "arithmetic");
  EXPECT_EQ(row.at("share of the limit").text.en, "40%");
  EXPECT_DOUBLE_EQ(row.at("share of the limit").bar, 0.4);
  EXPECT_EQ(row.at("energy per token").text.en, "100 µJ");
}

TEST(LatencyReport, DecodeIsJudgedByItsMedianStep) {
  const report::Report report = latency_report(latency_run());
  const NamedCells row = row_of(report, "Decode", 0);
  EXPECT_EQ(row.at("depth").text.en, "8");
  EXPECT_EQ(row.at("p50").text.en, "15 ms");
  EXPECT_EQ(row.at("tokens/s").text.en, "150") << "three in 20 ms";
  EXPECT_EQ(row.at("read in a step").text.en, "3 MB");
  EXPECT_EQ(row.at("B/s").text.en, "200 M");
  EXPECT_EQ(row.at("bound by").text.en, "memory");
  EXPECT_EQ(row.at("share of the limit").text.en, "80%");
  EXPECT_EQ(row.at("energy per token").text.en, "2 mJ");
  EXPECT_EQ(
      report.summary.en,
      "small on abacus; decode 200 tokens/s, 80% of the memory limit; prefill 400 tokens/s, 40% "
      "of the arithmetic limit.");
  EXPECT_EQ(report.summary.zh,
            "small，设备 abacus；解码每秒 200 个 token，达到内存带宽极限的 80%；预填充每秒 400 个 "
            "token，达到算力极限的 40%。");
}

TEST(LatencyReport, MemoryIsThatOfTheProcess) {
  LatencyRun run = latency_run();
  const auto figure = [&](const char* name) {
    return figure_of(latency_report(run), "The model in memory", name);
  };
  EXPECT_EQ(figure("weights"), "3 MiB");
  EXPECT_EQ(figure("resident when ready"), "5 MiB");
  EXPECT_EQ(figure("resident at the end"), "7 MiB");
  EXPECT_EQ(figure("resident, peak"), "9 MiB");
  EXPECT_EQ(figure("energy"), "measured: RAPL of the packages");
  run.has_energy = false;
  EXPECT_EQ(figure("energy"), "not available here");
  EXPECT_FALSE(row_of(latency_report(run), "Decode", 0).contains("energy per token"));
}

TEST(LatencyReport, AnyRowAboveItsLimitIsAWarning) {
  EXPECT_EQ(latency_report(latency_run()).verdict, Verdict::kNone);
  LatencyRun run = latency_run();
  run.prefill[0].limit.seconds = 0.26;
  EXPECT_EQ(latency_report(run).verdict, Verdict::kWarn);
  EXPECT_EQ(row_of(latency_report(run), "Prefill", 0).at("share of the limit").verdict,
            Verdict::kWarn);
  EXPECT_EQ(row_of(latency_report(run), "Decode", 0).at("share of the limit").verdict,
            Verdict::kNone);
  run = latency_run();
  run.decode[0].limit.seconds = 0.016;
  EXPECT_EQ(latency_report(run).verdict, Verdict::kWarn);
  EXPECT_EQ(row_of(latency_report(run), "Decode", 0).at("share of the limit").verdict,
            Verdict::kWarn);
}

TEST(LatencyReport, WhatWasNotMeasuredHasNoSection) {
  LatencyRun run = latency_run();
  run.decode.clear();
  EXPECT_TRUE(row_of(latency_report(run), "Decode", 0).empty());
  EXPECT_FALSE(row_of(latency_report(run), "Prefill", 0).empty());
}

TEST(LatencyJson, FiguresAreThoseOfTheRun) {
  LatencyRun run = latency_run();
  run.options.output_len = 4;
  run.options.seed = 77;
  const auto object = latency_to_json(run, {});
  EXPECT_EQ(object.at("seed"), 77u);
  EXPECT_EQ(object.at("output_len"), 4);
  const auto& prefill = object.at("prefill").at(0).as_object();
  EXPECT_DOUBLE_EQ(prefill.at("tokens_per_s").as_double(), 400);
  EXPECT_DOUBLE_EQ(prefill.at("share_of_limit").as_double(), 0.4);
  EXPECT_EQ(prefill.at("first_token").at("count"), 4);
  EXPECT_EQ(prefill.at("batch").at("count"), 2);
  EXPECT_EQ(prefill.at("limited_by"), "arithmetic");
  EXPECT_EQ(prefill.at("joules"), 0.02);
  const auto& decode = object.at("decode").at(0).as_object();
  EXPECT_DOUBLE_EQ(decode.at("tokens_per_s").as_double(), 150);
  EXPECT_DOUBLE_EQ(decode.at("gb_per_s").as_double(), 0.2);
  EXPECT_DOUBLE_EQ(decode.at("share_of_limit").as_double(), 0.8);
  EXPECT_EQ(decode.at("inter_token_samples_s").as_array().size(), 4u);
  run.decode[0].joules.reset();
  EXPECT_EQ(latency_to_json(run, {}).at("decode").at(0).as_object().if_contains("joules"), nullptr);
}

/// Two requests of 10 and 20 tokens, answered in 3 and 1, in four seconds of which the limit is
/// one.
ThroughputRun throughput_run_of_two() {
  ThroughputRun run{.source = "in.jsonl"};
  run.facts.model = "small";
  run.facts.device = "abacus";
  run.facts.max_num_seqs = 2;
  run.limits.peaks = {{"float32 fma", "avx2", 50, 100}};
  run.limits.all_read_gb_per_s = 20;
  run.requests = {{10, 3, 1, 3}, {20, 1, 2, 2}};
  run.steps = {{1, 1}, {2, 2}, {4, 1}};
  run.elapsed_s = 4;
  run.limit = {1, true};
  return run;
}

TEST(ThroughputReport, FiguresAreThoseOfTheRun) {
  ThroughputRun run = throughput_run_of_two();
  const auto figure = [&](const char* name) {
    return figure_of(throughput_report(run), "Throughput", name);
  };
  EXPECT_EQ(figure("requests"), "2");
  EXPECT_EQ(figure("requests/s"), "0.5");
  EXPECT_EQ(figure("input tokens/s"), "7.5");
  EXPECT_EQ(figure("output tokens/s"), "1");
  EXPECT_EQ(figure("steps"), "3");
  EXPECT_EQ(figure("sequences that got a token, per step (mean over time)"), "1.25 of 2");
  EXPECT_EQ(figure("share of the limit"), "25%");
  EXPECT_EQ(figure("energy per output token"), "no such row");
  run.has_energy = true;
  run.joules = 2;
  EXPECT_EQ(figure("energy per output token"), "500 mJ");
  EXPECT_EQ(throughput_report(run).summary.en,
            "2 requests (in.jsonl) through small on abacus: 1 output tokens/s.");
}

TEST(ThroughputReport, TokensAfterTheFirstNeedASecondOne) {
  ThroughputRun run = throughput_run_of_two();
  const auto latency_rows = [&] {
    std::vector<std::string> names;
    for (size_t i = 0;; ++i) {
      const NamedCells row = row_of(throughput_report(run), "Latency", i);
      if (row.empty()) return names;
      names.push_back(row.at("what").text.en + ": " + row.at("mean").text.en);
    }
  };
  EXPECT_EQ(latency_rows(), (std::vector<std::string>{"first token: 1.5 s", "whole request: 2.5 s",
                                                      "per output token after the first: 1 s"}));
  EXPECT_NE(throughput_to_json(run, {}).if_contains("time_per_output_token"), nullptr);
  run.requests[0].num_output_tokens = 1;
  EXPECT_EQ(latency_rows().size(), 2u);
  EXPECT_EQ(throughput_to_json(run, {}).if_contains("time_per_output_token"), nullptr);
}

TEST(ThroughputReport, OccupancyIsDrawnUpToTheLastStep) {
  ThroughputRun run = throughput_run_of_two();
  run.steps.clear();
  for (int i = 1; i <= 1000; ++i) run.steps.push_back({0.004 * i, i <= 500 ? 2 : 1});
  const report::Chart* occupancy = nullptr;
  const report::Report report = throughput_report(run);
  for (const report::Block& block : report.sections.at(0).blocks) {
    const auto* chart = std::get_if<report::Chart>(&block);
    if (chart != nullptr && chart->title.en.starts_with("Occupancy")) occupancy = chart;
  }
  ASSERT_NE(occupancy, nullptr);
  const std::vector<report::Point>& points = occupancy->series.at(0).points;
  ASSERT_EQ(points.size(), 100u);
  EXPECT_EQ(points.front().y, 2);
  EXPECT_EQ(points[48].y, 2);
  EXPECT_EQ(points[51].y, 1);
  EXPECT_EQ(points.back().y, 1);
  EXPECT_DOUBLE_EQ(points.back().x, 4);
  EXPECT_EQ(occupancy->lines.at(0).y, 2) << "as many as may be";
}

}  // namespace
}  // namespace ernie::bench
