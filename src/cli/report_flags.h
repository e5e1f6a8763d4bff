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

/// A flag for a file that is written at the end. `path` must live until the command line is parsed;
/// then a file in a directory that does not exist is refused, before any work is done.
void add_output_file_flag(CLI::App& app, const std::string& name, std::string& path,
                          const std::string& what);

/// `flags` must live until the command line is parsed. A FILE in a directory that does not exist is
/// refused then, before any work is done; so is a second "-".
void add_report_flags(CLI::App& app, ReportFlags& flags);

report::Language report_language(const ReportFlags& flags);

/// Whether a FILE of "-" takes the place of what is shown on standard output.
bool replaces_output(const ReportFlags& flags);

/// Writes the files that the flags name, each whole or not at all; a FILE of "-" is shown on
/// standard output. Error: something could not be written.
Result<void> write_report_files(const ReportFlags& flags, const report::Report& report,
                                const std::string& json);

/// The same, and shows the report on standard output unless a file takes its place. Colours only on
/// a terminal, and not if NO_COLOR is set (no-color.org).
Result<void> write_reports(const ReportFlags& flags, const report::Report& report,
                           const std::string& json);

}  // namespace ernie
