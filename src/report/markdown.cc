#include "report/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/chart_table.h"
#include "report/format.h"
#include "report/text_chart.h"
#include "report/text_width.h"
#include "report/words.h"

namespace ernie::report {
namespace {

constexpr int kBarWidth = 10;
constexpr size_t kMaxOpenRows = 16;

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

/// As text that has no meaning in Markdown. An underscore within a word has none anyway.
std::string escaped(std::string_view raw) {
  const std::string text = clean_text(raw);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool within_word =
        i > 0 && i + 1 < text.size() && is_word_byte(text[i - 1]) && is_word_byte(text[i + 1]);
    const bool starts_block = i == 0 && (c == '#' || c == '+' || c == '-' || c == '>');
    const bool special = std::string_view("\\`*[]<>|~$&").find(c) != std::string_view::npos;
    if (special || starts_block || (c == '_' && !within_word)) out += '\\';
    out += c;
  }
  return out;
}

std::string with_sign(const std::string& text, Verdict verdict) {
  if (verdict == Verdict::kNone) return text;
  const std::string strong = verdict == Verdict::kFail ? "**" + text + "**" : text;
  return verdict_sign(verdict) + " " + strong;
}

/// Blanks within a code span collapse in some viewers, so the empty part is drawn as well.
std::string trough_bar(double share) {
  std::string bar = text_bar(share, kBarWidth);
  const auto blanks = static_cast<int>(std::count(bar.begin(), bar.end(), ' '));
  return bar.erase(bar.size() - static_cast<size_t>(blanks)) + repeated("░", blanks);
}

class Writer {
 public:
  explicit Writer(Language language) : language_(language) {}

  void write(const Report& report) {
    const std::string verdict = verdict_word(report.verdict, language_);
    line("# " + phrase(report.title));
    if (!verdict.empty()) line("**" + verdict_sign(report.verdict) + " " + verdict + "**");
    line(phrase(report.summary));
    for (const Section& section : report.sections) {
      line("## " + phrase(section.heading));
      for (const Block& block : section.blocks) {
        std::visit([this](const auto& content) { write(content); }, block);
      }
    }
    if (!report.environment.empty()) write_environment(report);
  }
  std::string take() { return std::move(out_); }

 private:
  void write_environment(const Report& report) {
    line("## " + kEnvironmentWord.in(language_));
    Table table{.columns = {{""}, {""}}};
    for (const auto& [name, value] : report.environment) table.rows.push_back({{name}, {value}});
    write(table);
  }

  void write(const Paragraph& paragraph) {
    if (!phrase(paragraph.text).empty()) line(with_sign(phrase(paragraph.text), paragraph.verdict));
  }

  void write(const Table& table) {
    if (table.folded) {
      write_folded(table.caption, table);
      return;
    }
    if (!phrase(table.caption).empty()) line("**" + phrase(table.caption) + "**");
    write_grid(table);
  }

  void write_folded(const Text& summary, const Table& table) {
    line(fmt::format("<details><summary>{} ({})</summary>", phrase(summary), table.rows.size()));
    write_grid(table);
    line("</details>");
  }

  void write_grid(const Table& table) {
    if (table.columns.empty()) return;
    std::string head = "|", rule = "|";
    for (const Column& column : table.columns) {
      head += " " + phrase(column.heading) + " |";
      rule += column.numeric ? " ---: |" : " --- |";
    }
    out_ += head + "\n" + rule + "\n";
    for (const auto& row : table.rows) {
      out_ += "|";
      for (size_t c = 0; c < table.columns.size(); ++c) {
        out_ += " " + (c < row.size() ? cell(row[c]) : "") + " |";
      }
      out_ += "\n";
    }
    out_ += "\n";
  }

  void write(const Chart& chart) {
    if (!phrase(chart.title).empty()) line("**" + phrase(chart.title) + "**");
    std::string note;
    for (const ReferenceLine& reference : chart.lines) {
      note +=
          (note.empty() ? "" : "; ") + phrase(reference.label) + ": " + format_number(reference.y);
    }
    if (!note.empty()) line(note);
    const std::optional<Table> table = chart_table(chart);
    if (!table) return write_as_text(chart);
    if (table->rows.size() > kMaxOpenRows) {
      write_folded(kDataWord, *table);
    } else {
      write(*table);
    }
  }

  void write_as_text(const Chart& chart) {
    constexpr int kWidth = 80;
    const std::vector<std::string> lines = text_chart(chart, language_, kWidth);
    line(fmt::format("```text\n{}\n```", fmt::join(lines, "\n")));
  }

  std::string cell(const Cell& content) const {
    std::string text = with_sign(escaped(cell_text(content, language_)), content.verdict);
    if (content.bar >= 0) text += (text.empty() ? "`" : " `") + trough_bar(content.bar) + "`";
    return text;
  }
  std::string phrase(const Text& text) const { return escaped(text.in(language_)); }
  void line(const std::string& text) {
    if (!text.empty()) out_ += text + "\n\n";
  }

  Language language_;
  std::string out_;
};

}  // namespace

std::string to_markdown(const Report& report, Language language) {
  Writer writer(language);
  writer.write(report);
  return writer.take();
}

}  // namespace ernie::report
