#include "report/markdown.h"

#include <gtest/gtest.h>

#include "report/report_test_sample.h"

namespace ernie::report {
namespace {

std::string body(const Block& block, Language language = Language::kEnglish) {
  const Report report{.title = "t", .sections = {{.heading = "h", .blocks = {block}}}};
  const std::string text = to_markdown(report, language);
  return text.substr(text.find("## h\n\n") + 6);
}

TEST(Markdown, WritesTables) {
  const Table table{.caption = {"c"},
                    .columns = {{{"name", "名称"}}, {"error", true}, {"verdict"}},
                    .rows = {{{"rope"}, {"0.5", Verdict::kNone, 0.5}, {"", Verdict::kPass}},
                             {{"sum"}, {"1.5", Verdict::kFail, 1.5}, {"", Verdict::kFail}}}};
  EXPECT_EQ(body(table),
            "**c**\n\n"
            "| name | error | verdict |\n"
            "| --- | ---: | --- |\n"
            "| rope | 0.5 `█████░░░░░` | ✓ PASS |\n"
            "| sum | ✗ **1.5** `█████████▶` | ✗ **FAIL** |\n\n");
  EXPECT_NE(body(table, Language::kChinese).find("| 名称 |"), std::string::npos);
  EXPECT_NE(body(table, Language::kChinese).find("✓ 通过"), std::string::npos);
}

TEST(Markdown, RowsHaveAsManyCellsAsColumns) {
  const Table table{.columns = {{"a"}, {"b"}}, .rows = {{{"1"}}, {{"1"}, {"2"}, {"3"}}}};
  EXPECT_EQ(body(table), "| a | b |\n| --- | --- |\n| 1 |  |\n| 1 | 2 |\n\n");
}

TEST(Markdown, EscapesWhatHasAMeaning) {
  EXPECT_EQ(body(Paragraph{"a|b `c` *d* <e> [f] rope_store _g_ \\ &amp; $h$ ~~i~~"}),
            "a\\|b \\`c\\` \\*d\\* \\<e\\> \\[f\\] rope_store \\_g\\_ \\\\ \\&amp; \\$h\\$ "
            "\\~\\~i\\~\\~\n\n");
  EXPECT_EQ(body(Paragraph{"# no heading"}), "\\# no heading\n\n");
  EXPECT_EQ(body(Paragraph{"two\n\n# lines"}), "two  # lines\n\n");
}

TEST(Markdown, ChartsAreTablesOfTheirData) {
  Chart chart{.title = {"c"}, .x = {{"layer"}}, .lines = {{1, {"budget"}}}};
  chart.series = {{.name = "a", .points = {{0, 1}, {2, 3}}}, {.name = "b", .points = {{2, 4}}}};
  EXPECT_EQ(body(chart),
            "**c**\n\nbudget: 1\n\n"
            "| layer | a | b |\n| ---: | ---: | ---: |\n| 0 | 1 |  |\n| 2 | 3 | 4 |\n\n");
}

TEST(Markdown, LongChartsAreFoldedAndVeryLongOnesDrawn) {
  Chart chart{.title = {"c"}};
  chart.series = {{.name = "a"}};
  for (int i = 0; i < 20; ++i) chart.series[0].points.push_back({static_cast<double>(i), 1});
  EXPECT_NE(body(chart).find("<details><summary>Data of the chart (20)</summary>\n\n| "),
            std::string::npos);
  for (int i = 20; i < 100; ++i) chart.series[0].points.push_back({static_cast<double>(i), 1});
  EXPECT_NE(body(chart).find("```text\n"), std::string::npos);
  EXPECT_EQ(body(chart).find("| "), std::string::npos);
}

TEST(Markdown, SurvivesAnything) {
  const std::string text = to_markdown(hostile_report(), Language::kEnglish);
  EXPECT_EQ(text.find("<script"), text.find("\\<script") + 1);
}

}  // namespace
}  // namespace ernie::report
