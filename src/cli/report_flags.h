#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "report/report.h"

namespace ernie {

/// The flags of every command that ends in a report.
struct ReportFlags {
  std::string language = "en";  ///< --lang en|zh: of terminal, Markdown and HTML
  std::string json;             ///< --json FILE
  std::string markdown;         ///< --markdown FILE
  std::string html;             ///< --html FILE
};

/// `flags` must live until the command line is parsed. A FILE in a directory that does not exist is
/// refused then, before any work is done; so is a second "-".
void add_report_flags(CLI::App& app, ReportFlags& flags);

report::Language report_language(const ReportFlags& flags);

/// Shows the report on standard output and writes the files that the flags name, each whole or not
/// at all. A FILE of "-" goes to standard output in place of what is shown there. Colours only on a
/// terminal, and not if NO_COLOR is set (no-color.org). Error: something could not be written.
Result<void> write_reports(const ReportFlags& flags, const report::Report& report,
                           const std::string& json);

}  // namespace ernie
