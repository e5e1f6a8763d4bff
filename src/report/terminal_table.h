#pragma once

#include <string>
#include <vector>

#include "report/report.h"
#include "report/terminal.h"

namespace ernie::report {

/// A table's lines, without its caption. Long cells are broken into several lines until the table
/// fits into the style's width; columns of figures are never broken.
std::vector<std::string> terminal_table(const Table& table, Language language,
                                        const TerminalStyle& style);

/// `text` in the colour of a verdict, or unchanged.
std::string coloured(const std::string& text, Verdict verdict, const TerminalStyle& style);

}  // namespace ernie::report
