// What a run with a departure says, for people and for programs.

#include "verify/determinism/report.h"

#include <gtest/gtest.h>

namespace ernie::verify::determinism {
namespace {

/// Three requests in three variants: the second one departs in request 2, the third was to preempt
/// and did; two canaries, of which one found too much.
DeterminismRun make_run() {
  DeterminismRun run{.options = {.max_model_len = 64, .seed = 0xfedcba9876543210u}};
  run.requests.resize(3);
  VariantResult first{.num_tokens = 30, .seconds = 0.5};
  first.variant.name = {"alone", "逐个运行"};
  VariantResult second = first, third = first;
  second.variant.settings = "threads=3";
  second.departures = {{2, 7, "logit", "3f800000", "3f800001"}};
  third.variant.must_preempt = true;
  third.counters.num_preemptions = 4;
  run.variants = {first, second, third};
  const Departure found{1, 0, "token", "5", "6"};
  run.canaries = {{{"a bit", "一位"}, 1, {found}}, {{"a prompt", "提示词"}, 1, {found, found}}};
  return run;
}

DeterminismRun green_run() {
  DeterminismRun run = make_run();
  run.variants[1].departures.clear();
  run.canaries[1].found.pop_back();
  return run;
}

TEST(DeterminismVerdict, NeedsEveryVariantEveryCanaryAndSomethingCompared) {
  EXPECT_FALSE(make_run().passed());
  EXPECT_TRUE(green_run().passed());
  DeterminismRun run = green_run();
  run.variants[2].counters.num_preemptions = 0;
  EXPECT_FALSE(run.passed());
  run = green_run();
  run.canaries[0].request = 0;
  EXPECT_FALSE(run.passed()) << "found in another request";
  run = green_run();
  run.canaries.clear();
  EXPECT_FALSE(run.passed());
  run = green_run();
  run.variants[0].num_tokens = 0;
  EXPECT_FALSE(run.passed());
  run = green_run();
  run.variants[1].error = Error{ErrorCode::kIo, "x"};
  EXPECT_FALSE(run.passed());
}

const report::Table& table_at(const report::Report& report, size_t section, size_t block) {
  return std::get<report::Table>(report.sections.at(section).blocks.at(block));
}

TEST(DeterminismReport, ADepartureIsToldWithItsPlaceAndBothSides) {
  const report::Report report = determinism_report(make_run());
  EXPECT_EQ(report.verdict, report::Verdict::kFail);
  EXPECT_EQ(report.summary.en, "1 of 3 variants failed, over 3 requests with 30 tokens.");
  const report::Table& variants = table_at(report, 0, 0);
  ASSERT_EQ(variants.rows.size(), 3u);
  EXPECT_EQ(variants.rows[0][2].text.en, "···");
  EXPECT_EQ(variants.rows[1][2].text.en, "··✗");
  EXPECT_EQ(variants.rows[1][7].verdict, report::Verdict::kFail);
  EXPECT_EQ(variants.rows[2][7].verdict, report::Verdict::kPass);
  const report::Table& departures = table_at(report, 0, 1);
  ASSERT_EQ(departures.rows.size(), 1u);
  std::vector<std::string> texts;
  for (const report::Cell& cell : departures.rows[0]) texts.push_back(cell.text.en);
  EXPECT_EQ(texts, (std::vector<std::string>{"alone threads=3", "2", "7", "logit", "3f800000",
                                             "3f800001"}));
}

TEST(DeterminismReport, ACanaryThatFoundTooMuchOrNothingIsRed) {
  DeterminismRun run = make_run();
  run.canaries.push_back({{"nothing", "无"}, 0, {}});
  const report::Report report = determinism_report(run);
  const report::Table& canaries = table_at(report, 1, 0);
  ASSERT_EQ(canaries.rows.size(), 3u);
  EXPECT_EQ(canaries.rows[0][3].verdict, report::Verdict::kPass);
  EXPECT_EQ(canaries.rows[1][2].text.en, "request 1, token 0, token; request 1, token 0, token");
  EXPECT_EQ(canaries.rows[1][3].verdict, report::Verdict::kFail);
  EXPECT_EQ(canaries.rows[2][2].text.en, "not found");
}

TEST(DeterminismReport, AGreenRunHasNothingButItsTable) {
  const report::Report report = determinism_report(green_run());
  EXPECT_EQ(report.verdict, report::Verdict::kPass);
  EXPECT_EQ(report.summary.en, "3 requests with 30 tokens gave the same bits in 3 variants.");
  EXPECT_EQ(report.sections[0].blocks.size(), 2u) << "the table, and what was compared";
}

TEST(DeterminismJson, HasTheSame) {
  DeterminismRun run = make_run();
  run.variants[2].error = Error{ErrorCode::kIo, "no threads today"};
  const boost::json::object object = determinism_to_json(run, {});
  EXPECT_FALSE(object.at("passed").as_bool());
  EXPECT_EQ(object.at("requests"), 3);
  EXPECT_EQ(object.at("seed").as_string(), "18364758544493064720") << "64 bits are no double";
  const boost::json::array& variants = object.at("variants").as_array();
  ASSERT_EQ(variants.size(), 3u);
  EXPECT_TRUE(variants[0].at("passed").as_bool());
  EXPECT_FALSE(variants[0].as_object().contains("error"));
  EXPECT_FALSE(variants[1].at("passed").as_bool());
  const boost::json::object departure{{"request", 2u},
                                      {"token", 7u},
                                      {"what", "logit"},
                                      {"expected", "3f800000"},
                                      {"got", "3f800001"}};
  EXPECT_EQ(variants[1].at("departures").as_array(), boost::json::array{departure});
  EXPECT_EQ(variants[2].at("error").as_string(), "no threads today");
  EXPECT_TRUE(object.at("canaries").at(0).at("caught").as_bool());
  EXPECT_FALSE(object.at("canaries").at(1).at("caught").as_bool());
}

}  // namespace
}  // namespace ernie::verify::determinism
