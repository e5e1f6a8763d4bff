#pragma once

/// What a measurement or a verification has to say, independent of how it is shown. `verify` and
/// `bench` fill these structs; the renderers (terminal.h, markdown.h, html.h) turn them into text.

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ernie::report {

enum class Language { kEnglish, kChinese };

/// A phrase in both languages. Figures and names of code are the same in both: leave `zh` empty.
struct Text {
  Text() = default;
  Text(std::string same) : en(std::move(same)) {}  // NOLINT: a plain string is a phrase
  Text(const char* same) : en(same) {}             // NOLINT
  Text(std::string english, std::string chinese) : en(std::move(english)), zh(std::move(chinese)) {}
  const std::string& in(Language language) const {
    return language == Language::kChinese && !zh.empty() ? zh : en;
  }
  std::string en, zh;
};

enum class Verdict { kNone, kPass, kWarn, kFail };

struct Cell {
  Text text;
  Verdict verdict = Verdict::kNone;
  double bar =
      -1;  ///< 0 to 1: a bar of that share is drawn beside the text; above 1: full and marked
};

struct Column {
  Text heading;
  bool numeric = false;  ///< aligned to the right
};

struct Table {
  Text caption;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as columns
  bool folded = false;  ///< for reference only: closed at first, and in a terminal just counted
};

enum class SeriesKind {
  kBars,
  kLine,
  kPoints,
  kLimit,  ///< a line that the others are read against, as a roof over points; not data
};

struct Point {
  double x = 0, y = 0;
  std::string label;  ///< beside a point of kPoints and kLimit, if few have one; else on hovering
};

struct Series {
  Text name;
  SeriesKind kind = SeriesKind::kLine;
  std::vector<Point> points;  ///< of bars: x is the index into Chart::categories
};

struct Axis {
  Text label;
  bool log = false;
};

/// A horizontal line that the data are to be read against: a budget, a limit.
struct ReferenceLine {
  double y = 0;
  Text label;
};

struct Chart {
  Text title;
  Axis x, y;
  std::vector<Text> categories;  ///< of the x axis, if any series has bars
  std::vector<Series> series;
  std::vector<ReferenceLine> lines;
};

struct Paragraph {
  Text text;
  Verdict verdict = Verdict::kNone;
};

using Block = std::variant<Paragraph, Table, Chart>;

struct Section {
  Text heading;
  std::vector<Block> blocks;
};

struct Report {
  Text title;
  Verdict verdict = Verdict::kNone;
  Text summary;                                           ///< one or two sentences
  std::vector<std::pair<Text, std::string>> environment;  ///< machine, compiler, commit, seeds, …
  std::vector<Section> sections;
};

}  // namespace ernie::report
