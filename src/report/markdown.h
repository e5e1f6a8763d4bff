#pragma once

#include <string>

#include "report/report.h"

namespace ernie::report {

/// The report as GitHub-flavoured Markdown. Bars are block characters in code spans; charts are
/// tables of their data, folded away if they have many rows.
std::string to_markdown(const Report& report, Language language);

}  // namespace ernie::report
