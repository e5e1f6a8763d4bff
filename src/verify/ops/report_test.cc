// What a run with a failure says: the summary by operation and class, the report and the JSON.

#include "verify/ops/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "report/markdown.h"

namespace ernie::verify::ops {
namespace {

using report::Table;

CaseResult make_case(std::string_view op, const std::string& kind, double emax) {
  CaseResult c{.op = op,
               .shape = "M 3",
               .input = {kind, ""},
               .seed = 0xfedcba9876543210u,
               .tolerance = {2, 0.5}};
  c.error.num_elements = 100;
  c.error.emax = emax;
  c.error.erms = emax / 10;
  return c;
}

/// Two operations, of which add has failed one of its three cases.
OpsRun make_run() {
  CaseResult failed = make_case("add", "spike", 3);
  failed.failures = {"emax", "threads"};
  failed.error.worst_index = 17;
  failed.error.worst_got = 1.25;
  failed.error.worst_want = INFINITY;
  OpsConfiguration configuration{.isa = "avx2"};
  configuration.suite.device_description = "a device";
  configuration.suite.operations = {
      {"linear", {make_case("linear", "normal", 0.5)}},
      {"add", {make_case("add", "normal", 1), failed, make_case("add", "normal", 1.5)}}};
  configuration.canary = {.fault = &faults()[1], .num_cases = 4, .num_red = 3};
  return {.device = "cpu", .suite = "model", .seed = 1, .configurations = {configuration}};
}

OpsRun green_run() {
  OpsRun run = make_run();
  run.configurations[0].suite.operations[1].cases.erase(
      run.configurations[0].suite.operations[1].cases.begin() + 1);
  return run;
}

InjectionResults caught_all() {
  InjectionResults injection{.num_control_cases = 9};
  injection.faults.push_back({.fault = &faults()[1], .num_cases = 2, .num_red = 1});
  injection.faults.push_back({.fault = &faults()[4], .applies = false});
  return injection;
}

/// The rows of the tables whose caption or first heading begins so.
std::vector<std::vector<report::Cell>> rows_of(const report::Report& report,
                                               const std::string& caption) {
  std::vector<std::vector<report::Cell>> rows;
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* table = std::get_if<Table>(&block);
      if (table == nullptr || !table->caption.en.starts_with(caption)) continue;
      for (const auto& row : table->rows) EXPECT_EQ(row.size(), table->columns.size());
      rows.insert(rows.end(), table->rows.begin(), table->rows.end());
    }
  }
  return rows;
}

TEST(OpsSummary, CountsAndSharesAreByOperation) {
  const OpsRun run = make_run();
  EXPECT_EQ(run.num_cases(), 4);
  EXPECT_EQ(run.num_failed(), 1);
  const Worst add = worst_of(run.configurations[0].suite.operations[1]);
  EXPECT_EQ(add.name, "add");
  EXPECT_DOUBLE_EQ(add.emax_share, 1.5);
  EXPECT_DOUBLE_EQ(add.erms_share, 0.6);
  const Worst linear = worst_of(run.configurations[0].suite.operations[0]);
  EXPECT_DOUBLE_EQ(linear.emax_share, 0.25);
}

TEST(OpsSummary, ClassesStandInTheOrderTheyCameIn) {
  const OperationResults add = make_run().configurations[0].suite.operations[1];
  const std::vector<Worst> inputs = worst_by_input(add);
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[0].name, "normal");
  EXPECT_DOUBLE_EQ(inputs[0].emax_share, 0.75);
  EXPECT_EQ(inputs[0].num_failed, 0);
  EXPECT_EQ(inputs[1].name, "spike");
  EXPECT_EQ(inputs[1].num_failed, 1);
}

// Sixty-three elements have no root mean square to speak of.
TEST(OpsSummary, TheRootMeanSquareOfFewElementsDoesNotCount) {
  OperationResults few{"add", {make_case("add", "normal", 1)}};
  few.cases[0].error.num_elements = kMinElementsForRms - 1;
  EXPECT_EQ(worst_of(few).erms_share, 0);
}

TEST(OpsRun, PassesOnlyIfEverythingIsCaughtAndNothingElse) {
  EXPECT_FALSE(make_run().passed());
  OpsRun run = green_run();
  EXPECT_TRUE(run.passed());
  OpsConfiguration& c = run.configurations[0];
  c.injection = caught_all();
  EXPECT_TRUE(run.passed()) << "what does not apply need not be caught";
  c.injection->false_alarms.push_back(make_case("add", "normal", 1));
  EXPECT_FALSE(run.passed()) << "a false alarm";
  c.injection = caught_all();
  c.injection->faults[0].num_red = 0;
  EXPECT_FALSE(run.passed()) << "a fault that nobody noticed";
  c.injection->faults.erase(c.injection->faults.begin());
  EXPECT_FALSE(run.passed()) << "no fault that applies";
  run = green_run();
  run.configurations.push_back(make_run().configurations[0]);
  EXPECT_FALSE(run.passed()) << "one of two configurations";
}

TEST(OpsReport, AFailedCaseIsThereWithAllThatRepeatsIt) {
  const report::Report report = ops_report(make_run());
  EXPECT_EQ(report.verdict, report::Verdict::kFail);
  EXPECT_NE(report.summary.en.find("4 cases on cpu, suite model: 1 failed"), std::string::npos);
  const auto rows = rows_of(report, "Failed cases");
  ASSERT_EQ(rows.size(), 1u);
  std::vector<std::string> texts;
  for (const report::Cell& cell : rows[0]) texts.push_back(cell.text.en);
  EXPECT_EQ(texts, (std::vector<std::string>{"add", "M 3", "spike", "18364758544493064720",
                                             "emax, threads", "17", "1.25", "∞", "0"}));
  const auto operations = rows_of(report, "Largest error of each operation");
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[0][0].verdict, report::Verdict::kPass);
  EXPECT_EQ(operations[1][0].verdict, report::Verdict::kFail);
  EXPECT_EQ(operations[1][5].text.en, "M 3; spike");
}

TEST(OpsReport, AGreenRunHasNoTableOfFailures) {
  const report::Report report = ops_report(green_run());
  EXPECT_EQ(report.verdict, report::Verdict::kPass);
  EXPECT_TRUE(rows_of(report, "Failed cases").empty());
  EXPECT_TRUE(rows_of(report, "Injected faults").empty());
}

/// The paragraph that begins so, else nothing.
std::string paragraph_of(const report::Report& report, const std::string& beginning) {
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* paragraph = std::get_if<report::Paragraph>(&block);
      if (paragraph != nullptr && paragraph->text.en.starts_with(beginning)) {
        return paragraph->text.en;
      }
    }
  }
  return "";
}

TEST(OpsReport, ExplainsTheChecksThatItNames) {
  EXPECT_EQ(paragraph_of(ops_report(make_run()), "Checks: "),
            "Checks: emax, the largest error of an element, in units of what rounding may cause "
            "there; threads, the bits depend on the number of threads.");
  EXPECT_EQ(paragraph_of(ops_report(green_run()), "Checks: "), "") << "none is named";
  OpsRun run = green_run();
  run.configurations[0].injection = caught_all();
  run.configurations[0].injection->faults[0].checks = {{"projection", 3}, {"no such check", 1}};
  const std::string legend = paragraph_of(ops_report(run), "Checks: ");
  EXPECT_TRUE(legend.starts_with("Checks: projection, the random signed sum")) << legend;
  EXPECT_TRUE(legend.ends_with("; no such check.")) << legend;
}

TEST(OpsReport, SaysThatUlpsAreNotTheVerdict) {
  EXPECT_NE(paragraph_of(ops_report(green_run()), "The verdict does not depend").find("ulp"),
            std::string::npos);
}

/// Whether the table whose caption begins so is closed at first.
bool is_folded(const report::Report& report, const std::string& caption) {
  for (const report::Section& section : report.sections) {
    for (const report::Block& block : section.blocks) {
      const auto* table = std::get_if<Table>(&block);
      if (table != nullptr && table->caption.en.starts_with(caption)) return table->folded;
    }
  }
  ADD_FAILURE() << "no table " << caption;
  return false;
}

TEST(OpsReport, FaultsAreFoldedUnlessOneIsMissed) {
  OpsRun run = green_run();
  run.configurations[0].injection = caught_all();
  EXPECT_TRUE(is_folded(ops_report(run), "Injected faults"));
  run.configurations[0].injection->faults[0].num_red = 0;
  EXPECT_FALSE(is_folded(ops_report(run), "Injected faults"));
}

TEST(OpsReport, ShowsFiftyFailuresAtMost) {
  OpsRun run = make_run();
  std::vector<CaseResult>& cases = run.configurations[0].suite.operations[1].cases;
  cases.insert(cases.end(), 60, cases[1]);
  EXPECT_EQ(rows_of(ops_report(run), "Failed cases").size(), 50u);
}

TEST(OpsReport, SaysOfEachFaultWhetherItWasCaught) {
  OpsRun run = green_run();
  run.configurations[0].injection = caught_all();
  run.configurations[0].injection->faults.push_back({.fault = &faults()[2], .num_cases = 2});
  const auto rows = rows_of(ops_report(run), "Injected faults");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0][2].text.en, "caught");
  EXPECT_EQ(rows[0][3].text.en, "1/2");
  EXPECT_EQ(rows[1][2].text.en, "changes nothing here");
  EXPECT_EQ(rows[2][2].text.en, "missed");
  EXPECT_EQ(rows[2][2].verdict, report::Verdict::kFail);
}

// The oracle cannot be its own witness.
TEST(OpsReport, WarnsOfADeviceThatSharesTheOraclesCode) {
  OpsRun run = green_run();
  const auto warns = [&] {
    return to_markdown(ops_report(run), report::Language::kEnglish).find("shares its code") !=
           std::string::npos;
  };
  EXPECT_FALSE(warns());
  run.device = oracle_device();
  EXPECT_TRUE(warns());
}

TEST(OpsReport, AnOverviewIsForSeveralConfigurations) {
  OpsRun run = green_run();
  const size_t sections = ops_report(run).sections.size();
  run.configurations.push_back(make_run().configurations[0]);
  const report::Report report = ops_report(run);
  EXPECT_EQ(report.sections.size(), sections + 2);
  const Table& overview = std::get<Table>(report.sections[0].blocks[0]);
  ASSERT_EQ(overview.rows.size(), 2u);
  EXPECT_EQ(overview.rows[0][6].verdict, report::Verdict::kPass);
  EXPECT_EQ(overview.rows[1][6].verdict, report::Verdict::kFail);
  EXPECT_EQ(overview.rows[1][2].text.en, "1");
}

TEST(OpsJson, AFailedCaseIsThereWithNumbersOrNull) {
  const boost::json::object object = ops_to_json(make_run(), {});
  EXPECT_FALSE(object.at("passed").as_bool());
  const boost::json::object& c = object.at("configurations").at(0).as_object();
  ASSERT_EQ(c.at("failures").as_array().size(), 1u);
  const boost::json::object& failure = c.at("failures").at(0).as_object();
  EXPECT_EQ(failure.at("op").as_string(), "add");
  EXPECT_EQ(failure.at("failures").as_array(), (boost::json::array{"emax", "threads"}));
  EXPECT_FALSE(failure.at("passed").as_bool());
  EXPECT_EQ(failure.at("seed").as_string(), "18364758544493064720") << "64 bits are no double";
  EXPECT_EQ(failure.at("emax"), 3.0);
  EXPECT_TRUE(failure.at("worst_want").is_null()) << "JSON has no infinity";
  EXPECT_EQ(c.at("operations").at(1).at("failed"), 1);
  EXPECT_EQ(c.at("operations").at(1).at("inputs").as_array().size(), 2u);
  EXPECT_EQ(c.at("canary").at("red"), 3);
  EXPECT_FALSE(c.contains("injection"));
}

TEST(OpsJson, TellsFaultsAndFalseAlarms) {
  OpsRun run = green_run();
  run.configurations[0].injection = caught_all();
  run.configurations[0].injection->false_alarms = {make_case("add", "normal", 9)};
  const boost::json::object object = ops_to_json(run, {});
  const boost::json::object& injection =
      object.at("configurations").at(0).at("injection").as_object();
  EXPECT_EQ(injection.at("applicable"), 1);
  EXPECT_EQ(injection.at("caught"), 1);
  EXPECT_EQ(injection.at("faults").as_array().size(), 2u);
  EXPECT_EQ(injection.at("false_alarms").at(0).at("emax"), 9.0);
}

}  // namespace
}  // namespace ernie::verify::ops
