#pragma once

#include <string>

#include "report/report.h"

namespace ernie::report {

/// A chart as an <svg> element, drawn with the classes of html_style.h. Every coordinate is finite:
/// a value that has no place on its axis (NaN, infinite, on a log axis zero or less) is drawn as a
/// mark at the axis' end, with its value as hover text. `title_id` is the id of the element that
/// holds the chart's title.
std::string svg_chart(const Chart& chart, Language language, const std::string& title_id);

/// Which mark stands for which series, as HTML; empty if there is nothing to tell apart.
std::string chart_legend(const Chart& chart, Language language);

}  // namespace ernie::report
