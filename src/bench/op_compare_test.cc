// Limit shares, what counts as a change, and the way through a file.

#include "bench/op_compare.h"

#include <gtest/gtest.h>

#include <functional>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/rng.h"
#include "bench/ops_json.h"
#include "bench/ops_report.h"

namespace ernie::bench {
namespace {

/// 50 samples around a time. 1 GB at 20 GB/s: the limit is 50 ms.
OpResult row(const char* name, double seconds, uint64_t seed, double speed = 1) {
  OpResult result{.op = "linear",
                  .name = name,
                  .shape = "1 × 2",
                  .tokens = 1,
                  .cost = {.operations = 1e9, .bytes = 1e9}};
  for (uint64_t i = 0; i < 50; ++i) {
    const auto noise = static_cast<double>(philox_normal(seed, 1, i)[0]);
    result.samples.push_back(seconds * (1 + 0.01 * noise));
  }
  result.glimpses = {{20 * speed, 20 * speed}, {100, 100}};
  return result;
}

OpRun make_run(std::vector<OpResult> results) {
  OpRun run{.suite = "model", .device = "cpu, \"x\"", .dtype = "BF16", .isa = "avx2"};
  run.working_set_bytes = 1 << 28;
  run.limits = {.num_threads = 2,
                .buffer_bytes = 1 << 29,
                .one_read_gb_per_s = 15,
                .all_read_gb_per_s = 20,
                .peaks = {{"float32 fma", "avx2", 50, 100}, {"int8 dot", "avx2", 100, 200}}};
  run.results = std::move(results);
  return run;
}

Change change_of(double before, double after, double speed = 1, double read_limit = 20) {
  OpRun later = make_run({row("a", after, 2, speed), row("b", 0.1, 3), row("c", 0.1, 4)});
  later.limits.all_read_gb_per_s = read_limit;
  const OpComparison comparison =
      compare_ops({.run = make_run({row("a", before, 1), row("b", 0.1, 5)})}, later);
  EXPECT_EQ(comparison.rows.size(), 2u);
  EXPECT_EQ(comparison.only_after, (std::vector<std::string>{"c, 1 × 2"}));
  EXPECT_EQ(comparison.rows.at(1).change, Change::kNone);
  return comparison.rows.at(0).change;
}

TEST(LimitShare, HandWorked) {
  OpResult result = row("a", 0.1, 1);
  result.samples = {0.1, 0.08, 0.2};
  const LimitShare share = limit_share(result, make_run({}).limits);
  EXPECT_DOUBLE_EQ(share.limit.seconds, 0.05);
  EXPECT_TRUE(share.limit.by_memory);
  EXPECT_DOUBLE_EQ(share.share, 0.5);
  EXPECT_DOUBLE_EQ(share.gb_per_s, 10);
  EXPECT_DOUBLE_EQ(share.gflop_per_s, 10);
}

TEST(LimitShare, AboveOneIsShownAndWarnedOf) {
  const report::Report calm = ops_report(make_run({row("a", 0.1, 1)}), nullptr);
  EXPECT_EQ(calm.verdict, report::Verdict::kNone);
  const report::Report report = ops_report(make_run({row("a", 0.04, 1)}), nullptr);
  EXPECT_EQ(report.verdict, report::Verdict::kWarn);
  bool found = false;
  for (const auto& block : report.sections.at(0).blocks) {
    const auto* table = std::get_if<report::Table>(&block);
    if (table == nullptr) continue;
    for (const report::Cell& cell : table->rows.at(0)) {
      if (cell.bar < 0) continue;
      found = true;
      EXPECT_NEAR(cell.bar, 1.25, 0.01);
      EXPECT_EQ(cell.verdict, report::Verdict::kWarn);
      EXPECT_TRUE(cell.text.en.starts_with("12")) << cell.text.en;
    }
  }
  EXPECT_TRUE(found);
}

TEST(Compare, SaysWhatChanged) {
  EXPECT_EQ(change_of(0.1, 0.1), Change::kNone);
  EXPECT_EQ(change_of(0.1, 0.12), Change::kSlower);
  EXPECT_EQ(change_of(0.1, 0.08), Change::kFaster);
  EXPECT_EQ(change_of(0.1, 0.102), Change::kNone) << "significant, but within the tolerance";
}

TEST(Compare, AMachineThatSlowedDownIsNotTheProgram) {
  EXPECT_EQ(change_of(0.1, 0.12, /*speed=*/0.7), Change::kNone);
  EXPECT_EQ(change_of(0.1, 0.12, 1, /*read_limit=*/16), Change::kNone);
  EXPECT_EQ(change_of(0.1, 0.15, 1, /*read_limit=*/16), Change::kSlower);
}

TEST(Compare, ChangedLimitsAndSettingsAreNamed) {
  OpRun later = make_run({row("a", 0.1, 1)});
  later.limits.all_read_gb_per_s = 18.5;
  OpComparison comparison = compare_ops({.run = make_run({row("a", 0.1, 2)})}, later);
  EXPECT_FALSE(comparison.limits_changed());
  EXPECT_TRUE(comparison.settings_changed.empty());
  later.limits.all_read_gb_per_s = 17;
  later.limits.num_threads = 1;
  comparison = compare_ops({.run = make_run({row("a", 0.1, 2)})}, later);
  EXPECT_TRUE(comparison.limits_changed());
  EXPECT_EQ(comparison.settings_changed, (std::vector<std::string>{"threads: 2, now 1"}));
}

TEST(Drift, IsSeenInTheGlimpses) {
  const OpRun run = make_run({row("a", 0.1, 1), row("b", 0.1, 2), row("slow", 0.1, 3, 0.5)});
  EXPECT_DOUBLE_EQ(machine_speed_during(run.results[0], run.results), 1);
  EXPECT_DOUBLE_EQ(machine_speed_during(run.results[2], run.results), 0.5);
  EXPECT_DOUBLE_EQ(machine_drift(run.results).read.slowest, 0.5);
  EXPECT_DOUBLE_EQ(machine_drift(run.results).peak.spread(), 0);
}

TEST(Json, RoundTrip) {
  OpRun run = make_run({row("a", 0.1, 1), row("b", 0.2, 2)});
  run.options = {0.25, 1.5, 77};
  run.results[0].published = PublishedFigure{0.5, 0.1, 3000};
  run.results[0].num_copies = 21;
  run.results[1].calls_per_sample = 12;
  const report::Environment environment{.cpu_model = "CPU", .commit = "abc", .date_utc = "today"};
  const OpComparison comparison = compare_ops({.run = run}, run);
  const std::string text = boost::json::serialize(ops_to_json(run, environment, &comparison));
  const auto saved = ops_from_json(boost::json::parse(text), "f.json");
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_EQ(saved->commit, "abc");
  EXPECT_EQ(saved->cpu_model, "CPU");
  EXPECT_EQ(saved->run.device, run.device);
  EXPECT_EQ(saved->run.options.seed, 77u);
  EXPECT_EQ(saved->run.limits.peaks.at(1).all_gop_per_s, 200);
  ASSERT_EQ(saved->run.results.size(), 2u);
  ASSERT_EQ(saved->run.results[0].samples.size(), run.results[0].samples.size());
  for (size_t i = 0; i < run.results[0].samples.size(); ++i) {
    EXPECT_DOUBLE_EQ(saved->run.results[0].samples[i], run.results[0].samples[i]);
  }
  EXPECT_EQ(saved->run.results[0].num_copies, 21);
  EXPECT_EQ(saved->run.results[0].published->tokens_per_s, 3000);
  EXPECT_EQ(saved->run.results[1].calls_per_sample, 12);
  EXPECT_EQ(saved->run.results[1].glimpses.read_gb_per_s, run.results[1].glimpses.read_gb_per_s);
  // The same run again: nothing changed.
  for (const OpChange& change : compare_ops(*saved, run).rows) {
    EXPECT_EQ(change.change, Change::kNone);
    EXPECT_NEAR(change.time_ratio, 1, 1e-12);
  }
}

TEST(Json, OtherFilesAreRefused) {
  // As a file has it: the numbers that it was made of have other types.
  boost::json::object whole = boost::json::parse(boost::json::serialize(ops_to_json(
                                                     make_run({row("a", 0.1, 1)}), {}, nullptr)))
                                  .as_object();
  EXPECT_TRUE(ops_from_json(whole, "f"));
  for (const char* text : {"[]", "{}", "{\"format\": \"ernie verify ops\"}", "{\"format\": 3}"}) {
    EXPECT_FALSE(ops_from_json(boost::json::parse(text), "f")) << text;
  }
  for (const char* key : {"rows", "limits", "seed", "environment"}) {
    boost::json::object broken = whole;
    broken.erase(key);
    const auto result = ops_from_json(broken, "some.json");
    ASSERT_FALSE(result) << key;
    EXPECT_TRUE(result.error().message.starts_with(
        fmt::format("some.json: {}: got nothing, expected", key)))
        << result.error().message;
    broken[key] = "text";
    EXPECT_FALSE(ops_from_json(broken, "f")) << key;
  }
  const auto message = [&](const std::function<void(boost::json::object&)>& spoil) {
    boost::json::object broken = whole;
    spoil(broken["rows"].as_array()[0].as_object());
    const auto result = ops_from_json(broken, "f");
    return result ? std::string("read") : result.error().message;
  };
  EXPECT_EQ(message([](auto& row) { row["samples_s"] = boost::json::array{}; }),
            "f: rows[0].samples_s: expected times above 0, at least one");
  EXPECT_EQ(message([](auto& row) {
              row["samples_s"] = boost::json::array{1.0, 0.0};
            }),
            "f: rows[0].samples_s: expected times above 0, at least one");
  EXPECT_EQ(message([](auto& row) {
              row["samples_s"] = boost::json::array{1.0, "x"};
            }),
            "f: rows[0].samples_s: got a list, expected a list of numbers");
  EXPECT_EQ(message([](auto& row) { row["tokens"] = "many"; }),
            "f: rows[0].tokens: got \"many\", expected a number from -1.7976931348623157e+308 to "
            "1.7976931348623157e+308");
  EXPECT_EQ(message([](auto& row) { row["glimpses"] = 3; }),
            "f: rows[0].glimpses: got 3, expected an object");
  EXPECT_EQ(message([](auto& row) { row["glimpses"].as_object().erase("read_gb_per_s"); }),
            "f: rows[0].glimpses.read_gb_per_s: got nothing, expected a list of numbers");
  whole["rows"].as_array()[0] = 5;
  EXPECT_EQ(ops_from_json(whole, "f").error().message, "f: rows[0]: got 5, expected an object");
}

}  // namespace
}  // namespace ernie::bench
