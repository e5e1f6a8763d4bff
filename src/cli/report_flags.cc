#include "cli/report_flags.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/output_check.h"
#include "cli/commands.h"
#include "cli/flag_group.h"
#include "report/html.h"
#include "report/markdown.h"
#include "report/terminal.h"

namespace ernie {
namespace {

constexpr const char* kGroup = "Report";

/// An empty text, or why no file can be written there.
std::string problem_with(const std::string& path) {
  if (path.empty()) return "expected a file name, got an empty one";
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return path + ": is a directory";
  if (parent.empty() || std::filesystem::is_directory(parent, ignored)) return "";
  return fmt::format("{}: no such directory", parent.string());
}

/// What the flags and arguments of a command name, but for the reports.
std::vector<std::string> files_read(const CLI::App& app) {
  std::vector<std::string> files;
  for (const CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    const bool is_file = type.starts_with("FILE") || type.starts_with("PATH") ||
                         type.starts_with("DIR") || option->get_positional();
    if (is_file && option->get_group() != kGroup) {
      files.insert(files.end(), option->results().begin(), option->results().end());
    }
  }
  return files;
}

report::TerminalStyle style_of_stdout() {
  report::TerminalStyle style;
  if (isatty(STDOUT_FILENO) == 0) return style;
  struct winsize size {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  const char* no_color = std::getenv("NO_COLOR");
  style.colour = no_color == nullptr || *no_color == '\0';
  return style;
}

}  // namespace

void add_output_file_flag(CLI::App& app, const std::string& name, std::string& path,
                          const std::string& what) {
  app.add_option(name, path, what)->type_name("FILE")->check([](const std::string& value) {
    return problem_with(value);
  });
}

void add_report_flags(CLI::App& app, ReportFlags& flags) {
  const FlagGroup group(app, kGroup);
  app.add_option("--lang", flags.language, "Language of the report")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  add_output_file_flag(app, "--json", flags.json,
                       "Also write the figures as JSON (- for standard output)");
  add_output_file_flag(app, "--markdown", flags.markdown, "Also write the report as Markdown");
  add_output_file_flag(app, "--html", flags.html,
                       "Also write the report as one HTML file with charts");
  app.parse_complete_callback([&app, &flags] {
    const int num_dashes = (flags.json == "-") + (flags.markdown == "-") + (flags.html == "-");
    if (num_dashes > 1) {
      throw CLI::ValidationError("--json, --markdown, --html",
                                 "only one of them can go to standard output");
    }
    const auto checked = check_outputs(files_read(app), {flags.json, flags.markdown, flags.html});
    if (!checked) throw CLI::ValidationError(checked.error().message);
  });
}

report::Language report_language(const ReportFlags& flags) {
  return flags.language == "zh" ? report::Language::kChinese : report::Language::kEnglish;
}

bool replaces_output(const ReportFlags& flags) {
  return flags.json == "-" || flags.markdown == "-" || flags.html == "-";
}

Result<void> write_report_files(const ReportFlags& flags, const report::Report& report,
                                const std::string& json) {
  const report::Language language = report_language(flags);
  std::string shown;
  const auto write = [&](const std::string& path, std::string text) -> Result<void> {
    if (path != "-") return write_file_atomically(path, text);
    shown = std::move(text);
    return {};
  };
  if (!flags.json.empty()) ERNIE_TRY_VOID(write(flags.json, json));
  if (!flags.markdown.empty()) {
    ERNIE_TRY_VOID(write(flags.markdown, report::to_markdown(report, language)));
  }
  if (!flags.html.empty()) ERNIE_TRY_VOID(write(flags.html, report::to_html(report, language)));
  return print(shown);
}

Result<void> write_reports(const ReportFlags& flags, const report::Report& report,
                           const std::string& json) {
  // The files first: whoever pipes what is shown into `head` still wants them.
  ERNIE_TRY_VOID(write_report_files(flags, report, json));
  if (replaces_output(flags)) return {};
  return print(report::to_terminal(report, report_language(flags), style_of_stdout()));
}

}  // namespace ernie
