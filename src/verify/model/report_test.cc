// What a run with a failure says, for people and for programs.

#include "verify/model/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "json/text.h"

namespace ernie::verify::model {
namespace {

ModelRun make_run() {
  ModelRun run{.device = "a device", .truth = "a truth", .seed = 0xffffffffffffffffu};
  run.check.num_prompts = 2;
  run.check.num_tokens = 30;
  run.check.num_comparisons = 1234;
  run.check.checks = {{"stages", {"stages beyond", "阶段"}, 0, 0, true}};
  PointResult attention{.point = {0, Tap::kAttention}};
  attention.alone.num_values = 4;
  attention.alone.l2 = 1e-7;
  attention.budget.l2 = 1e-6;
  run.check.points = {attention, {.point = {0, Tap::kLayer}}, {.point = {1, Tap::kLogits}}};
  run.check.points[1].alone.num_values = 4;
  run.check.points[1].num_free_tokens = 30;
  run.check.canary =
      ValueCanary{.point = {0, Tap::kLayer}, .row = 3, .change = 0.5, .caught = true};
  run.check.passed = true;
  return run;
}

/// "Failed: …" or whatever the report begins with.
std::string summary(const ModelRun& run) { return model_report(run, "m").summary.en; }

TEST(ModelReport, TheSummarySaysWhatMattersMost) {
  ModelRun run = make_run();
  EXPECT_EQ(summary(run), "1234 values of 30 tokens agree with the truth within their budgets.");
  EXPECT_EQ(model_report(run, "m").verdict, report::Verdict::kPass);
  run.check.canary->caught = false;
  EXPECT_TRUE(summary(run).ends_with("this check proves nothing.")) << summary(run);
  EXPECT_EQ(model_report(run, "m").verdict, report::Verdict::kFail);
  run.text_checks = {{"text_kl", {"divergence of the text", "文本"}, 0.5, 0.25, false}};
  EXPECT_EQ(summary(run), "Failed: divergence of the text: 0.5, allowed 0.25.");
  run.check.departure_words = {"departs first at x", "偏离"};
  EXPECT_EQ(summary(run), "The model departs first at x.");
}

const report::Table& table_of(const report::Section& section) {
  for (const report::Block& block : section.blocks) {
    if (const auto* table = std::get_if<report::Table>(&block)) return *table;
  }
  ADD_FAILURE() << section.heading.en;
  static const report::Table kNone;
  return kNone;
}

TEST(ModelReport, AFailureIsMarkedWhereItIs) {
  ModelRun run = make_run();
  run.check.passed = false;
  run.check.checks.push_back({"kl_mean", {"KL", "KL"}, 2, 1, false});
  run.check.points[0].failures = {"l2"};
  run.check.points[0].alone.l2 = 5e-6;
  run.check.points[1].departs = true;
  run.check.routing = {{.layer = 4, .alone = {}, .free = {.num_decisions = 9, .num_wrong = 1}}};
  const report::Report report = model_report(run, "m");
  EXPECT_EQ(report.verdict, report::Verdict::kFail);
  ASSERT_EQ(report.sections.size(), 5u);
  const auto verdict_at = [&](size_t section, size_t row, size_t column) {
    return table_of(report.sections[section]).rows.at(row).at(column).verdict;
  };
  EXPECT_EQ(verdict_at(0, 0, 3), report::Verdict::kPass);
  EXPECT_EQ(verdict_at(0, 1, 3), report::Verdict::kFail);
  EXPECT_EQ(verdict_at(1, 0, 0), report::Verdict::kFail);
  EXPECT_EQ(verdict_at(1, 1, 0), report::Verdict::kPass);
  EXPECT_DOUBLE_EQ(table_of(report.sections[1]).rows[0][2].bar, 5) << "of its budget";
  EXPECT_EQ(verdict_at(2, 0, 0), report::Verdict::kFail);
  EXPECT_EQ(verdict_at(3, 0, 3), report::Verdict::kFail);
  EXPECT_EQ(table_of(report.sections[3]).rows[0][0].text.en, "4");
}

// A dense model chooses no experts.
TEST(ModelReport, WithoutRoutingThereIsNoSectionOfIt) {
  for (const report::Section& section : model_report(make_run(), "m").sections) {
    EXPECT_NE(section.heading.en, "Routing");
  }
}

// An error where none is allowed is infinitely many budgets, and none is no share.
TEST(ModelReport, ThePointWithoutABudgetIsWorstIfItDiffersAtAll) {
  ModelRun run = make_run();
  const auto worst = [&] {
    const report::Report report = model_report(run, "m");
    const auto& chart = std::get<report::Chart>(report.sections[1].blocks[0]);
    return chart.series.at(0).points.at(0).label;
  };
  EXPECT_EQ(worst(), "layer 0 attention");
  run.check.points[1].alone.l2 = 1e-30;
  EXPECT_EQ(worst(), "layer 0 layer");
}

TEST(ModelJson, TellsTheFailureAndWhatIsNotFiniteAsNull) {
  ModelRun run = make_run();
  run.check.passed = false;
  run.check.departure = TapPoint{0, Tap::kAttention};
  run.check.departure_words = {"departs first", "偏离"};
  run.check.points[0].failures = {"not finite", "l2"};
  run.check.points[0].alone.l2 = INFINITY;
  run.check.points[0].alone.worst_got = NAN;
  const boost::json::object object = model_to_json(run, "m", {});
  EXPECT_FALSE(object.at("passed").as_bool());
  EXPECT_EQ(object.at("departure").at("layer"), 0);
  EXPECT_EQ(object.at("departure").at("stage").as_string(), "attention");
  EXPECT_EQ(object.at("places").at(0).at("failures").as_array(),
            (boost::json::array{"not finite", "l2"}));
  EXPECT_EQ(object.at("seed"), 0xffffffffffffffffu);
  const std::string text = json_text(object.at("places").at(0));
  EXPECT_NE(text.find(R"("l2":null)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("worst_got":null)"), std::string::npos) << text;
}

TEST(ModelJson, OfAGreenRunHasNoDepartureAndOnlyWhatWasMeasured) {
  const boost::json::object object = model_to_json(make_run(), "m", {});
  EXPECT_TRUE(object.at("passed").as_bool());
  EXPECT_TRUE(object.at("departure").is_null());
  EXPECT_FALSE(object.contains("text"));
  EXPECT_FALSE(object.contains("distribution_original"));
  EXPECT_FALSE(object.at("places").at(0).as_object().contains("original_l2"));
  EXPECT_EQ(object.at("canary").at("row"), 3);
  EXPECT_TRUE(object.at("canary").at("caught").as_bool());
}

}  // namespace
}  // namespace ernie::verify::model
