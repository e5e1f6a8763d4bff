#pragma once

/// Charts where there is only text.

#include <string>
#include <vector>

#include "report/report.h"

namespace ernie::report {

/// A bar of block characters, `width` columns wide with what is left in spaces; `share` of 0 to 1
/// is the part that is filled. Above 1, and infinite: full, with ▶ at its end. NaN: empty.
std::string text_bar(double share, int width);

/// Lines of at most about `width` columns: the title; for bars a list of them with the reference
/// lines as │ in it; for a line one row of eight heights with its smallest and largest value; for
/// points their coordinates. Points without labels beyond the first 24 are only counted: a cloud
/// cannot be read from a list.
std::vector<std::string> text_chart(const Chart& chart, Language language, int width);

}  // namespace ernie::report
