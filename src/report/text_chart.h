#pragma once

/// Charts where there is only text.

#include <string>
#include <vector>

#include "report/report.h"

namespace ernie::report {

/// A bar of block characters, `width` columns wide with what is left in spaces; `share` of 0 to 1
/// is the part that is filled. Above 1, and infinite: full, with ▶ at its end. NaN: empty.
std::string text_bar(double share, int width);

/// Lines of about `width` columns, without the title. Bars are a list with the reference lines as │
/// in it; a line is one row of eight heights, with its ranges; points are their coordinates. Of
/// points without labels only the first 24 are listed: nobody reads a cloud from figures.
std::vector<std::string> text_chart(const Chart& chart, Language language, int width);

}  // namespace ernie::report
