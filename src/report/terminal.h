#pragma once

#include <string>

#include "report/report.h"

namespace ernie::report {

struct TerminalStyle {
  int width = 100;      ///< columns; tables that cannot be made as narrow are wider
  bool colour = false;  ///< with ANSI escapes
};

/// The report as text for a terminal, ending with a newline. Tables are aligned in columns, Chinese
/// characters counted as two; charts as text_chart.h says.
std::string to_terminal(const Report& report, Language language, const TerminalStyle& style);

}  // namespace ernie::report
