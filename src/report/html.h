#pragma once

#include <string>

#include "report/report.h"

namespace ernie::report {

/// The report as one HTML file that needs nothing else: no network, no fonts, no scripts. It is
/// well-formed XML as well. Charts are inline SVG; light or dark as the reader's system prefers;
/// it prints on A4.
std::string to_html(const Report& report, Language language);

}  // namespace ernie::report
