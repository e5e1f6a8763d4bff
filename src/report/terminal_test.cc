#include "report/terminal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "report/html.h"
#include "report/markdown.h"
#include "report/report_test_sample.h"
#include "report/text_chart.h"
#include "report/text_width.h"

namespace ernie::report {
namespace {

constexpr Language kEn = Language::kEnglish;
constexpr Language kZh = Language::kChinese;

Report report_of(Block block) {
  return {.title = "t", .sections = {{.heading = "h", .blocks = {std::move(block)}}}};
}

/// What stands below the section's heading and its rule.
std::string body(const Block& block, Language language, int width = 100) {
  const std::string text = to_terminal(report_of(block), language, {.width = width});
  const std::string heading = "h\n─\n";
  return text.substr(text.find(heading) + heading.size());
}

Table small_table() {
  return {.columns = {{{"name", "名称"}}, {{"error", "误差"}, true}, {{"verdict", "结论"}}},
          .rows = {{{"rope"}, {"1.5"}, {"", Verdict::kPass}},
                   {{{"sum", "求和"}}, {"12.25"}, {"", Verdict::kFail}}}};
}

TEST(Terminal, TheAnswerStandsBeforeTheEnvironment) {
  Report report = report_of(Paragraph{"figures"});
  report.summary = "42 tokens/s.";
  report.environment = {{"Commit", "abc"}};
  const std::string text = to_terminal(report, kEn, {});
  const size_t summary = text.find("42 tokens/s."), figures = text.find("figures");
  EXPECT_LT(summary, figures);
  EXPECT_LT(figures, text.find("Commit"));
  EXPECT_LT(text.find("Commit"), text.size());
  for (const std::string& page : {to_markdown(report, kEn), to_html(report, kEn)}) {
    EXPECT_LT(page.find("42 tokens/s."), page.find("figures"));
    EXPECT_LT(page.find("figures"), page.find("Commit")) << page;
  }
}

TEST(Terminal, AlignsTables) {
  EXPECT_EQ(body(small_table(), kEn),
            "name  error  verdict\n"
            "────  ─────  ───────\n"
            "rope    1.5  PASS\n"
            "sum   12.25  FAIL\n\n");
}

TEST(Terminal, AlignsTablesWithChinese) {
  EXPECT_EQ(body(small_table(), kZh),
            "名称   误差  结论\n"
            "────  ─────  ────\n"
            "rope    1.5  通过\n"
            "求和  12.25  失败\n\n");
}

TEST(Terminal, AFoldedTableIsClosedOnPagesAndCountedHere) {
  Table table = small_table();
  table.caption = {"Names", "名称表"};
  table.folded = true;
  EXPECT_EQ(body(table, kEn), "Names: 2 rows, shown by --html and --markdown.\n\n");
  EXPECT_EQ(body(table, kZh), "名称表：共 2 行，见 --html 或 --markdown。\n\n");
  for (const std::string& page :
       {to_markdown(report_of(table), kEn), to_html(report_of(table), kEn)}) {
    const size_t open = page.find("<details><summary>Names (2)</summary>");
    const size_t row = page.find("12.25"), close = page.find("</details>");
    EXPECT_LT(open, row) << page;
    EXPECT_LT(row, close) << page;
    EXPECT_LT(close, page.size());
  }
}

TEST(Terminal, DrawsBarsBesideFigures) {
  const Table table{
      .columns = {{"x", true}},
      .rows = {
          {{"0.5", Verdict::kNone, 0.5}}, {{"2", Verdict::kFail, 2}}, {{"0", Verdict::kNone, 0}}}};
  EXPECT_EQ(body(table, kEn),
            "  x\n"
            "──────────────\n"
            "0.5 █████\n"
            "✗ 2 █████████▶\n"
            "  0\n\n");
}

TEST(Terminal, BreaksLongCellsToFit) {
  const Table table{.columns = {{"operation"}, {"what it does"}, {"n", true}},
                    .rows = {{{"experts_of_one_layer"},
                              {"the weighted sum of the chosen experts of every token"},
                              {"12345678"}}}};
  const std::string text = body(table, kEn, 60);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) EXPECT_LE(display_width(line), 60) << text;
  EXPECT_NE(text.find("experts_of_one_layer"), std::string::npos) << "words stay whole";
  EXPECT_NE(text.find("12345678"), std::string::npos);
}

TEST(Terminal, ColoursOnlyIfAsked) {
  const Report report = sample_report();
  EXPECT_EQ(to_terminal(report, kEn, {}).find('\x1b'), std::string::npos);
  const std::string coloured = to_terminal(report, kEn, {.colour = true});
  EXPECT_NE(coloured.find("\x1b[1;31m✗ FAIL\x1b[0m"), std::string::npos);
  EXPECT_NE(coloured.find("\x1b[32mPASS"), std::string::npos);
}

TEST(Terminal, SaysVerdictAndEnvironmentInTheLanguage) {
  const std::string text = to_terminal(sample_report(), kZh, {});
  EXPECT_NE(text.find("✗ 失败"), std::string::npos);
  EXPECT_NE(text.find("处理器"), std::string::npos);
  EXPECT_EQ(text.find("FAIL"), std::string::npos);
}

TEST(Terminal, EscapesOfTheInputDoNotReachTheTerminal) {
  Report report = report_of(Paragraph{"\x1b[2Jgone"});
  EXPECT_EQ(to_terminal(report, kEn, {}).find('\x1b'), std::string::npos);
}

TEST(Terminal, SurvivesAnything) {
  for (const int width : {0, 1, 20, 100}) {
    EXPECT_FALSE(to_terminal(hostile_report(), kEn, {.width = width}).empty());
  }
}

TEST(TextBar, FillsItsShare) {
  EXPECT_EQ(text_bar(0, 4), "    ");
  EXPECT_EQ(text_bar(0.5, 4), "██  ");
  EXPECT_EQ(text_bar(1, 4), "████");
  EXPECT_EQ(text_bar(1.01, 4), "███▶");
  EXPECT_EQ(text_bar(INFINITY, 4), "███▶");
  EXPECT_EQ(text_bar(NAN, 4), "    ");
  EXPECT_EQ(text_bar(1e-9, 4), "▏   ") << "not nothing";
}

TEST(TextChart, BarsHaveALogScaleAndTheBudgetInThem) {
  Chart chart{.y = {{"error"}, true}, .categories = {"a", "b"}, .lines = {{1, {"budget"}}}};
  chart.series = {{.name = "s", .kind = SeriesKind::kBars, .points = {{0, 0.1}, {1, 10}}}};
  // The axis is 0.01 to 10: the budget lies at two thirds.
  EXPECT_EQ(text_chart(chart, kEn, 18), (std::vector<std::string>{"error, log scale  │ budget: 1",
                                                                  "a  0.1  "
                                                                  "███▍  │",
                                                                  "b   10  ██████████"}));
}

TEST(TextChart, LinesAreRowsOfHeights) {
  Chart chart{.x = {{"layer"}}, .y = {{"error"}, true}};
  chart.series = {{.name = "cpu", .points = {{0, 1e-7}, {1, 1e-4}, {2, NAN}, {3, 1}}}};
  EXPECT_EQ(text_chart(chart, kEn, 80),
            (std::vector<std::string>{"error, log scale", "cpu  1e-7 … 1  ▁▄?█", "layer: 0 … 3"}));
}

TEST(TextChart, PointsAreTheirCoordinates) {
  Chart chart{.x = {{"flop/byte"}, true}, .y = {{"flop/s"}, true}};
  chart.series = {{.name = "roof", .kind = SeriesKind::kLimit, .points = {{0, 1}, {1, 1}}},
                  {.name = "ops", .kind = SeriesKind::kPoints, .points = {{0.5, 20, "rope"}}}};
  EXPECT_EQ(text_chart(chart, kEn, 80),
            (std::vector<std::string>{"(flop/byte, flop/s)", "limit: roof", "ops (1)",
                                      "  rope  0.5, 20"}));
}

}  // namespace
}  // namespace ernie::report
