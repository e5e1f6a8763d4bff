#include "report/html.h"

#include <gtest/gtest.h>

#include <regex>

#include "report/report_test_sample.h"
#include "report/svg_chart.h"
#include "report/svg_labels.h"
#include "report/xml_text.h"

namespace ernie::report {
namespace {

constexpr Language kEn = Language::kEnglish;

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

bool contains(const std::string& text, const std::string& part) { return count(text, part) > 0; }

std::string chart_of(const Series& series, const Axis& y = {}) {
  Chart chart{.y = y, .series = {series}};
  if (series.kind == SeriesKind::kBars) chart.categories = {"a", "b"};
  return svg_chart(chart, kEn, "id");
}

TEST(XmlText, EscapesMarkup) {
  EXPECT_EQ(xml_text("<a b=\"c\" d='e'>&"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
  EXPECT_EQ(xml_text("\x01误\xFF"), " 误\xEF\xBF\xBD");
}

TEST(Html, NamesItsLanguage) {
  EXPECT_TRUE(contains(to_html(sample_report(), kEn), "<html lang=\"en\""));
  const std::string zh = to_html(sample_report(), Language::kChinese);
  EXPECT_TRUE(contains(zh, "<html lang=\"zh-CN\""));
  EXPECT_TRUE(contains(zh, "失败"));
  EXPECT_FALSE(contains(zh, "FAIL"));
}

TEST(Html, NeedsNothingElse) {
  const std::string html = to_html(sample_report(), kEn);
  const std::regex outside("(src|href)=\"[^#]|url\\(|@import|<script|<link|<iframe");
  EXPECT_FALSE(std::regex_search(html, outside));
}

TEST(Html, NothingOfTheInputIsMarkup) {
  EXPECT_FALSE(contains(to_html(hostile_report(), kEn), "<script"));
}

TEST(Html, BarsEndAtTheirCell) {
  const auto row = [](double bar) {
    const Table table{.columns = {{"a"}, {"b", true}}, .rows = {{{"x"}, {"1", {}, bar}}}};
    return to_html({.sections = {{.blocks = {table}}}}, kEn);
  };
  EXPECT_TRUE(contains(row(0.25), "style=\"width:25.0%\""));
  EXPECT_FALSE(contains(row(0.25), "class=\"over\""));
  for (const double bar : {1.5, 1e300, std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(contains(row(bar), "style=\"width:100.0%\""));
    EXPECT_TRUE(contains(row(bar), "class=\"over\""));
  }
  EXPECT_FALSE(contains(row(std::numeric_limits<double>::quiet_NaN()), "class=\"fill\""));
}

TEST(Html, ContentsLeadToSections) {
  const std::string html = to_html(sample_report(), kEn);
  EXPECT_EQ(count(html, "href=\"#section-"), 4u);
  EXPECT_EQ(count(html, "<section id=\"section-"), 4u);
}

TEST(SvgChart, EveryCoordinateIsFinite) {
  const std::string html = to_html(hostile_report(), kEn);
  const std::regex attribute("(?:x|y|width|height|cx|cy|d|transform|style|viewBox)=\"[^\"]*\"");
  size_t num_attributes = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), attribute), end; it != end; ++it) {
    const std::string text = it->str();
    ++num_attributes;
    ASSERT_FALSE(contains(text, "nan") || contains(text, "inf") || contains(text, "e+")) << text;
  }
  EXPECT_GT(num_attributes, 100u);
}

TEST(SvgChart, BarsThatHaveNoPlaceAreSigned) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto bars = [](double y) {
    return chart_of({.kind = SeriesKind::kBars, .points = {{0, 1}, {1, y}}}, {"", true});
  };
  EXPECT_EQ(count(bars(0.5), "<rect class=\"bar"), 2u);
  EXPECT_TRUE(contains(bars(0), ">0</text>"));
  EXPECT_TRUE(contains(bars(kInfinity), ">∞</text>"));
  EXPECT_TRUE(contains(bars(std::numeric_limits<double>::quiet_NaN()), ">NaN</text>"));
}

TEST(SvgChart, LinesBreakWhereAValueIsMissing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = chart_of({.points = {{0, 1}, {1, 2}, {2, nan}, {3, 2}, {4, 1}}});
  std::smatch path;
  ASSERT_TRUE(std::regex_search(svg, path, std::regex("class=\"curve s0\" d=\"([^\"]*)\"")));
  EXPECT_EQ(count(path[1], "M"), 2u);
  EXPECT_EQ(count(path[1], "L"), 2u);
}

TEST(SvgChart, PointsTellTheirValuesOnHovering) {
  const std::string svg = chart_of({.name = "cpu", .points = {{3, 1.25e-7}}});
  EXPECT_TRUE(contains(svg, "<title>cpu,  3: 1.25e-7</title>"));
}

TEST(SvgChart, ReferenceLinesAreDrawnAndNamed) {
  Chart chart{.y = {"", true}, .lines = {{1, {"budget"}}, {0, {"no place"}}}};
  chart.series = {{.points = {{0, 0.1}, {1, 0.5}}}};
  const std::string svg = svg_chart(chart, kEn, "id");
  EXPECT_EQ(count(svg, "class=\"reference\""), 1u);
  EXPECT_TRUE(contains(svg, ">budget</text>"));
}

TEST(SvgChart, ManyLabelsAreLeftToHovering) {
  Series series{.kind = SeriesKind::kPoints};
  for (int i = 0; i < 40; ++i) series.points.push_back({i * 1.0, (i * 7) % 40 * 1.0, "some name"});
  EXPECT_GE(count(chart_of(series), ">some name</text>"), 20u);
  series.points.push_back({1, 1, "some name"});
  EXPECT_EQ(count(chart_of(series), ">some name</text>"), 0u);
  EXPECT_EQ(count(chart_of(series), "<title>some name"), 41u);
}

TEST(SvgChart, TiltedLabelsStayInTheDrawing) {
  const std::string name = "a_rather_long_name_of_an_operation";
  Chart chart{.series = {{.kind = SeriesKind::kBars}}};
  for (int i = 0; i < 30; ++i) {
    chart.categories.emplace_back(name);
    chart.series[0].points.push_back({static_cast<double>(i), 1});
  }
  const std::string svg = svg_chart(chart, kEn, "id");
  std::smatch label;
  ASSERT_TRUE(std::regex_search(svg, label, std::regex("rotate\\(-35 ([0-9.]+)")));
  EXPECT_GE(std::stod(label[1]) - 0.819 * text_extent(name), 0);
}

TEST(SvgChart, LegendLeavesLimitsToTheirLabels) {
  Chart chart;
  chart.series = {{.name = "roof", .kind = SeriesKind::kLimit, .points = {{0, 1}, {1, 1}}},
                  {.name = "ops", .kind = SeriesKind::kPoints, .points = {{0.5, 0.5}}}};
  EXPECT_FALSE(contains(chart_legend(chart, kEn), "roof"));
  EXPECT_TRUE(contains(chart_legend(chart, kEn), "class=\"mark s0\""));
  EXPECT_TRUE(contains(svg_chart(chart, kEn, "id"), ">roof</text>"));
  EXPECT_EQ(chart_legend(Chart{}, kEn), "");
}

TEST(LabelPlacer, LabelsDoNotOverlap) {
  LabelPlacer placer({0, 0, 300, 200});
  std::vector<Box> placed;
  for (int i = 0; i < 12; ++i) {
    const auto box = placer.place(150 + i, 100, 60);
    if (!box) continue;
    for (const Box& other : placed) EXPECT_FALSE(box->overlaps(other));
    EXPECT_GE(box->x, 0);
    EXPECT_LE(box->x + box->width, 300);
    placed.push_back(*box);
  }
  EXPECT_GE(placed.size(), 6u);
  EXPECT_FALSE(placer.place(5, 5, 400)) << "wider than the area";
}

}  // namespace
}  // namespace ernie::report
