#pragma once

#include <string>

#include "report/report.h"

namespace ernie::report {

/// The report as GitHub-flavoured Markdown. Bars are block characters in code spans. A chart is the
/// table of its data, folded away if it has many rows; with too many for a table, the text that a
/// terminal shows.
std::string to_markdown(const Report& report, Language language);

}  // namespace ernie::report
