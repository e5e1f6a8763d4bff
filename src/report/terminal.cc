#include "report/terminal.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/terminal_table.h"
#include "report/text_chart.h"
#include "report/text_width.h"
#include "report/words.h"

namespace ernie::report {
namespace {

class Printer {
 public:
  Printer(Language language, const TerminalStyle& style) : language_(language), style_(style) {}

  void print_header(const Report& report) {
    const std::string title = clean_text(report.title.in(language_));
    std::string verdict = verdict_word(report.verdict, language_);
    if (!verdict.empty()) verdict = verdict_sign(report.verdict) + " " + verdict;
    line(bold(title) + (verdict.empty() ? "" : "   " + coloured(verdict, report.verdict, style_)));
    line(repeated("═", std::min(style_.width, display_width(title + verdict) + 3)));
    text(report.summary, Verdict::kNone);
    line("");
  }

  void print_environment(const Report& report) {
    if (report.environment.empty()) return;
    int width = 0;
    for (const auto& [name, value] : report.environment) {
      width = std::max(width, display_width(clean_text(name.in(language_))));
    }
    line(bold(kEnvironmentWord.in(language_)));
    for (const auto& [name, value] : report.environment) {
      const auto parts = wrapped(clean_text(value), std::max(20, style_.width - width - 4));
      for (size_t i = 0; i < parts.size(); ++i) {
        const std::string label = i == 0 ? clean_text(name.in(language_)) : "";
        line("  " + padded(label, width, Align::kLeft) + "  " + parts[i]);
      }
    }
    line("");
  }

  void print_section(const Section& section) {
    const std::string heading = clean_text(section.heading.in(language_));
    line(bold(heading));
    line(repeated("─", display_width(heading)));
    for (const Block& block : section.blocks) {
      std::visit([this](const auto& content) { print(content); }, block);
      line("");
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void print(const Paragraph& paragraph) { text(paragraph.text, paragraph.verdict); }

  void print(const Table& table) {
    if (table.folded) {
      text({fmt::format("{}: {} rows, shown by --html and --markdown.", table.caption.en,
                        table.rows.size()),
            fmt::format("{}：共 {} 行，见 --html 或 --markdown。",
                        table.caption.in(Language::kChinese), table.rows.size())},
           Verdict::kNone);
      return;
    }
    text(table.caption, Verdict::kNone);
    for (const std::string& row : terminal_table(table, language_, style_)) line(row);
  }

  void print(const Chart& chart) {
    text(chart.title, Verdict::kNone);
    for (const std::string& row : text_chart(chart, language_, style_.width)) line(row);
  }

  void text(const Text& phrase, Verdict verdict) {
    std::string words = clean_text(phrase.in(language_));
    if (words.empty()) return;
    if (verdict != Verdict::kNone) words = verdict_sign(verdict) + " " + words;
    for (const std::string& part : wrapped(words, style_.width)) {
      line(coloured(part, verdict, style_));
    }
  }

  std::string bold(const std::string& words) const {
    return style_.colour && !words.empty() ? "\x1b[1m" + words + "\x1b[0m" : words;
  }
  void line(const std::string& words) { out_ += words + "\n"; }

  Language language_;
  TerminalStyle style_;
  std::string out_;
};

}  // namespace

std::string to_terminal(const Report& report, Language language, const TerminalStyle& style) {
  Printer printer(language, {std::max(style.width, 20), style.colour});
  printer.print_header(report);
  for (const Section& section : report.sections) printer.print_section(section);
  printer.print_environment(report);
  return printer.take();
}

}  // namespace ernie::report
