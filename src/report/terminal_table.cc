#include "report/terminal_table.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "report/text_chart.h"
#include "report/text_width.h"
#include "report/words.h"

namespace ernie::report {
namespace {

constexpr int kBarWidth = 10;
constexpr int kGap = 2;
constexpr int kNarrowest = 12;    // of a column that is broken into lines
constexpr int kLongestWord = 32;  // that is kept whole

struct ColumnLayout {
  bool numeric = false;
  bool has_bars = false;
  int text_width = 0;
  int least_width = kNarrowest;
  int width() const { return text_width + (has_bars ? kBarWidth + 1 : 0); }
};

/// A cell's text. The sign tells a bad verdict where there is no colour.
std::string shown(const Cell& cell, Language language) {
  const std::string text = cell_text(cell, language);
  const bool bad = cell.verdict == Verdict::kFail || cell.verdict == Verdict::kWarn;
  const bool has_own_text = !cell.text.in(language).empty();
  return bad && has_own_text ? verdict_sign(cell.verdict) + " " + text : text;
}

int longest_word(const std::string& text) {
  int longest = 0;
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    const int width = display_width(word);
    // Between wide characters a line can be broken.
    if (static_cast<int>(word.size()) == width) longest = std::max(longest, width);
  }
  return std::min(longest, kLongestWord);
}

std::vector<ColumnLayout> natural_layout(const Table& table, Language language) {
  std::vector<ColumnLayout> layout;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    ColumnLayout column{.numeric = table.columns[c].numeric};
    column.text_width = display_width(clean_text(table.columns[c].heading.in(language)));
    for (const auto& row : table.rows) {
      if (c >= row.size()) continue;
      const std::string text = shown(row[c], language);
      column.text_width = std::max(column.text_width, display_width(text));
      column.least_width = std::max(column.least_width, longest_word(text));
      column.has_bars = column.has_bars || row[c].bar >= 0;
    }
    layout.push_back(column);
  }
  return layout;
}

void fit(std::vector<ColumnLayout>& layout, int width) {
  const auto total = [&] {
    return std::accumulate(layout.begin(), layout.end(), -kGap,
                           [](int sum, const auto& column) { return sum + column.width() + kGap; });
  };
  while (total() > width) {
    ColumnLayout* widest = nullptr;
    for (ColumnLayout& column : layout) {
      if (column.numeric || column.text_width <= column.least_width) continue;
      if (widest == nullptr || column.text_width > widest->text_width) widest = &column;
    }
    if (widest == nullptr) return;
    --widest->text_width;
  }
}

/// The lines of one cell, each of the column's width.
std::vector<std::string> cell_lines(const Cell& cell, const ColumnLayout& column, Language language,
                                    const TerminalStyle& style) {
  std::vector<std::string> lines;
  for (const std::string& part : wrapped(shown(cell, language), std::max(2, column.text_width))) {
    std::string line =
        padded(part, column.text_width, column.numeric ? Align::kRight : Align::kLeft);
    if (column.has_bars) {
      const bool draws = cell.bar >= 0 && lines.empty();
      line += " " + (draws ? text_bar(cell.bar, kBarWidth) : std::string(kBarWidth, ' '));
    }
    lines.push_back(coloured(line, cell.verdict, style));
  }
  return lines;
}

void add_row(const std::vector<Cell>& row, const std::vector<ColumnLayout>& layout,
             Language language, const TerminalStyle& style, std::vector<std::string>& out) {
  std::vector<std::vector<std::string>> cells;
  size_t height = 1;
  for (size_t c = 0; c < layout.size(); ++c) {
    cells.push_back(cell_lines(c < row.size() ? row[c] : Cell{}, layout[c], language, style));
    height = std::max(height, cells.back().size());
  }
  for (size_t i = 0; i < height; ++i) {
    std::string line;
    for (size_t c = 0; c < layout.size(); ++c) {
      if (c > 0) line += repeated(" ", kGap);
      line += i < cells[c].size() ? cells[c][i] : repeated(" ", layout[c].width());
    }
    out.push_back(line.erase(line.find_last_not_of(' ') + 1));
  }
}

}  // namespace

std::string coloured(const std::string& text, Verdict verdict, const TerminalStyle& style) {
  if (!style.colour) return text;
  switch (verdict) {
    case Verdict::kPass:
      return "\x1b[32m" + text + "\x1b[0m";
    case Verdict::kWarn:
      return "\x1b[33m" + text + "\x1b[0m";
    case Verdict::kFail:
      return "\x1b[1;31m" + text + "\x1b[0m";
    case Verdict::kNone:
      break;
  }
  return text;
}

std::vector<std::string> terminal_table(const Table& table, Language language,
                                        const TerminalStyle& style) {
  std::vector<ColumnLayout> layout = natural_layout(table, language);
  fit(layout, style.width);
  std::vector<std::string> out;
  std::vector<Cell> headings;
  for (const Column& column : table.columns) headings.push_back({column.heading});
  add_row(headings, layout, language, style, out);
  std::string rule;
  for (const ColumnLayout& column : layout) {
    rule += (rule.empty() ? "" : repeated(" ", kGap)) + repeated("─", column.width());
  }
  out.push_back(rule);
  for (const auto& row : table.rows) add_row(row, layout, language, style, out);
  return out;
}

}  // namespace ernie::report
