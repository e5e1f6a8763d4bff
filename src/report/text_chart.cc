#include "report/text_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "report/format.h"
#include "report/scale.h"
#include "report/text_width.h"
#include "report/words.h"

namespace ernie::report {
namespace {

constexpr int kMaxNameWidth = 28;
constexpr int kMaxBarWidth = 40;
constexpr int kMinBarWidth = 8;
constexpr size_t kMaxPoints = 24;

/// A name of one line; what does not fit gives way to an ellipsis.
std::string brief_name(std::string_view text, int width) {
  const std::string name = clean_text(text);
  if (display_width(name) <= width) return name;
  return wrapped(name, width - 1).front() + "…";
}

int widest(const std::vector<std::string>& texts) {
  int width = 0;
  for (const std::string& text : texts) width = std::max(width, display_width(text));
  return width;
}

Scale scale_of_y(const Chart& chart, bool bars) {
  std::vector<double> values;
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) values.push_back(point.y);
  }
  for (const ReferenceLine& line : chart.lines) values.push_back(line.y);
  return Scale(values, {.log = chart.y.log, .from_zero = bars, .bars = bars});
}

std::string axis_note(const Chart& chart, Language language) {
  std::string note = clean_text(chart.y.label.in(language));
  if (chart.y.log) note += (note.empty() ? "" : ", ") + kLogWord.in(language);
  for (const ReferenceLine& line : chart.lines) {
    note += fmt::format("  │ {}: {}", clean_text(line.label.in(language)), format_number(line.y));
  }
  return note;
}

/// The text of a bar with │ at each reference line that it does not cover.
std::string marked_bar(const Chart& chart, const Scale& scale, double value, int width) {
  const double share = std::isfinite(value) ? scale.position(value) : value;
  std::string bar = text_bar(share, width);
  std::vector<std::string> cells;
  for (size_t at = 0; at < bar.size();) {
    const size_t size = bar[at] == ' ' ? 1 : 3;  // block characters have three bytes
    cells.push_back(bar.substr(at, size));
    at += size;
  }
  for (const ReferenceLine& line : chart.lines) {
    if (!scale.can_show(line.y)) continue;
    const auto at = static_cast<size_t>(scale.position(line.y) * (width - 1) + 0.5);
    if (cells[at] == " ") cells[at] = "│";
  }
  std::string out;
  for (const std::string& cell : cells) out += cell;
  return out.erase(out.find_last_not_of(' ') + 1);
}

struct BarRow {
  std::string category, series, value;
  double y;
};

std::vector<BarRow> bar_rows(const Chart& chart, Language language) {
  std::vector<BarRow> rows;
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    bool first = true;
    for (const Series& series : chart.series) {
      for (const Point& point : series.points) {
        if (point.x != static_cast<double>(category)) continue;
        rows.push_back({first ? brief_name(chart.categories[category].in(language), kMaxNameWidth)
                              : std::string(),
                        brief_name(series.name.in(language), kMaxNameWidth), format_number(point.y),
                        point.y});
        first = false;
      }
    }
  }
  return rows;
}

void add_bars(const Chart& chart, Language language, int width, std::vector<std::string>& out) {
  const std::vector<BarRow> rows = bar_rows(chart, language);
  std::vector<std::string> categories, names, values;
  for (const BarRow& row : rows) {
    categories.push_back(row.category);
    names.push_back(chart.series.size() > 1 ? row.series : "");
    values.push_back(row.value);
  }
  const int category_width = widest(categories), name_width = widest(names);
  const int value_width = widest(values);
  const int used = category_width + name_width + value_width + (name_width > 0 ? 6 : 4);
  const int bar_width = std::clamp(width - used, kMinBarWidth, kMaxBarWidth);
  const Scale scale = scale_of_y(chart, true);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string line = padded(categories[i], category_width, Align::kLeft) + "  ";
    if (name_width > 0) line += padded(names[i], name_width, Align::kLeft) + "  ";
    line += padded(values[i], value_width, Align::kRight) + "  ";
    out.push_back(line + marked_bar(chart, scale, rows[i].y, bar_width));
  }
}

/// One character for each bucket of neighbouring points: the height of the largest of them.
std::string heights(const Series& series, const Scale& scale, int width) {
  constexpr std::array<const char*, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t count = series.points.size();
  const size_t columns = std::min(count, static_cast<size_t>(width));
  std::string out;
  for (size_t column = 0; column < columns; ++column) {
    double largest = 0;
    bool is_nan = false;
    for (size_t i = column * count / columns; i < (column + 1) * count / columns; ++i) {
      is_nan = is_nan || std::isnan(series.points[i].y);
      largest = std::max(largest, scale.position(series.points[i].y));
    }
    out += is_nan ? "?" : kHeights[static_cast<size_t>(largest * 7 + 0.5)];
  }
  return out;
}

std::string range_text(const Series& series, double Point::*coordinate) {
  double low = INFINITY, high = -INFINITY;
  for (const Point& point : series.points) {
    low = std::min(low, point.*coordinate);
    high = std::max(high, point.*coordinate);
  }
  return low <= high ? fmt::format("{} … {}", format_number(low), format_number(high)) : "";
}

/// Columns of series: name, range of y, range of x if they differ, heights.
void add_lines(const Chart& chart, Language language, int width, std::vector<std::string>& out) {
  std::vector<std::string> names, y_ranges, x_ranges;
  for (const Series& series : chart.series) {
    names.push_back(brief_name(series.name.in(language), kMaxNameWidth));
    y_ranges.push_back(series.points.empty() ? kNoDataWord.in(language)
                                             : range_text(series, &Point::y));
    x_ranges.push_back(range_text(series, &Point::x));
  }
  const bool same_x =
      std::adjacent_find(x_ranges.begin(), x_ranges.end(), std::not_equal_to<>()) == x_ranges.end();
  const std::string x_name = clean_text(chart.x.label.in(language));
  for (std::string& range : x_ranges) range = same_x ? "" : x_name + " " + range + "  ";
  const int name_width = widest(names), y_width = widest(y_ranges), x_width = widest(x_ranges);
  const int room = std::max(kMinBarWidth, width - name_width - y_width - x_width - 4);
  const Scale scale = scale_of_y(chart, false);
  for (size_t i = 0; i < names.size(); ++i) {
    out.push_back(padded(names[i], name_width, Align::kLeft) + "  " +
                  padded(y_ranges[i], y_width, Align::kLeft) + "  " +
                  padded(x_ranges[i], x_width, Align::kLeft) +
                  heights(chart.series[i], scale, room));
  }
  if (same_x && !names.empty()) {
    out.push_back(x_name + ": " + range_text(chart.series.front(), &Point::x));
  }
}

std::string place_of(const Point& point) {
  return fmt::format("{}, {}", format_number(point.x), format_number(point.y));
}

void add_points(const Chart& chart, Language language, int width, std::vector<std::string>& out) {
  constexpr int kPlaceWidth = 24;
  const int room = std::max(kMaxNameWidth, width - kPlaceWidth);
  out.push_back(fmt::format("({}, {})", clean_text(chart.x.label.in(language)),
                            clean_text(chart.y.label.in(language))));
  for (const Series& series : chart.series) {
    const std::string name = clean_text(series.name.in(language));
    if (series.kind == SeriesKind::kLimit) {
      out.push_back(fmt::format("{}: {}", kLimitWord.in(language), name));
      continue;
    }
    std::vector<std::string> labels, places;
    for (const Point& point : series.points) {
      if (point.label.empty() && labels.size() >= kMaxPoints) continue;
      labels.push_back(brief_name(point.label, room));
      places.push_back(place_of(point));
    }
    out.push_back(fmt::format("{} ({})", name, series.points.size()));
    const int label_width = widest(labels);
    for (size_t i = 0; i < labels.size(); ++i) {
      out.push_back("  " + padded(labels[i], label_width, Align::kLeft) + "  " + places[i]);
    }
  }
}

}  // namespace

std::string text_bar(double share, int width) {
  constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (std::isnan(share) || share <= 0) return std::string(static_cast<size_t>(width), ' ');
  if (share > 1) return repeated("█", width - 1) + "▶";
  const int eighths = std::max(1, static_cast<int>(std::lround(share * width * 8)));
  const std::string bar = repeated("█", eighths / 8) + kEighths[static_cast<size_t>(eighths % 8)];
  return padded(bar, width, Align::kLeft);
}

std::vector<std::string> text_chart(const Chart& chart, Language language, int width) {
  std::vector<std::string> out;
  const auto has = [&](SeriesKind kind) {
    return std::any_of(chart.series.begin(), chart.series.end(),
                       [kind](const Series& series) { return series.kind == kind; });
  };
  if (has(SeriesKind::kBars)) {
    out.push_back(axis_note(chart, language));
    add_bars(chart, language, width, out);
  } else if (has(SeriesKind::kPoints)) {
    add_points(chart, language, width, out);
  } else {
    out.push_back(axis_note(chart, language));
    add_lines(chart, language, width, out);
  }
  out.erase(std::remove(out.begin(), out.end(), ""), out.end());
  return out;
}

}  // namespace ernie::report
