#include "report/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/format.h"
#include "report/svg_labels.h"
#include "report/svg_plot.h"
#include "report/text_width.h"
#include "report/xml_text.h"

namespace ernie::report {
namespace {

constexpr size_t kNumColours = 8;
constexpr size_t kMaxMarkedPoints = 48;  // more of them would hide the line
constexpr size_t kMaxHoverPoints = 500;
constexpr size_t kMaxLabels = 40;  // of points; more of them cover the chart
constexpr double kMarkRadius = 4;
constexpr double kMaxBarWidth = 30;

/// A mark of the series' own shape around (0, 0), so that colour is not needed to tell it.
std::string mark_path(size_t series, double x, double y) {
  constexpr std::array<const char*, 6> kShapes = {
      "M{0} {1}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",                  // circle
      "M{0} {1}m-3.6 -3.6h7.2v7.2h-7.2z",                             // square
      "M{0} {1}m0 -5.2l4.8 8.4h-9.6z",                                // triangle
      "M{0} {1}m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2z",                  // diamond
      "M{0} {1}m0 5.2l4.8 -8.4h-9.6z",                                // triangle, point down
      "M{0} {1}m-1.5 -5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z"};  // cross
  return fmt::format(fmt::runtime(kShapes[series % kShapes.size()]), fmt::format("{:.1f}", x),
                     fmt::format("{:.1f}", y));
}

/// The number of each series among those that are data: it decides colour and mark.
std::vector<size_t> looks_of(const Chart& chart) {
  std::vector<size_t> looks;
  size_t next = 0;
  for (const Series& series : chart.series) {
    looks.push_back(series.kind == SeriesKind::kLimit ? 0 : next++);
  }
  return looks;
}

class Drawing {
 public:
  Drawing(const Chart& chart, Language language)
      : chart_(chart),
        language_(language),
        looks_(looks_of(chart)),
        plot_(chart, language),
        labels_(plot_.area()) {}

  std::string draw(const std::string& title_id) {
    out_ = fmt::format(
        "<svg viewBox=\"0 0 {:.0f} {:.0f}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
        "aria-labelledby=\"{}\">\n",
        plot_.width(), plot_.height(), title_id);
    out_ += plot_.frame();
    draw_limits();
    draw_bars();
    draw_reference_lines();
    for (size_t s = 0; s < chart_.series.size(); ++s) {
      if (chart_.series[s].kind == SeriesKind::kLine) draw_line(s);
      if (chart_.series[s].kind == SeriesKind::kPoints) draw_points(s);
    }
    draw_point_labels();
    return std::move(out_) + "</svg>\n";
  }

 private:
  std::string hover(const Series& series, const Point& point) const {
    std::string where = point.label;
    if (where.empty() && plot_.has_categories() && plot_.can_show_x(point.x)) {
      where = chart_.categories[static_cast<size_t>(point.x)].in(language_);
    }
    if (where.empty()) {
      where = fmt::format("{} {}", chart_.x.label.in(language_), format_number(point.x, 6));
    }
    const std::string& name = series.name.in(language_);
    return fmt::format("<title>{}</title>",
                       xml_text(fmt::format("{}{}{}: {}", name, name.empty() ? "" : ", ", where,
                                            format_number(point.y, 4))));
  }

  void draw_bars() {
    std::vector<size_t> groups;
    for (size_t s = 0; s < chart_.series.size(); ++s) {
      if (chart_.series[s].kind == SeriesKind::kBars) groups.push_back(s);
    }
    const double count = static_cast<double>(groups.size());
    const double width = std::min(plot_.band_width() * 0.82 / std::max(count, 1.0), kMaxBarWidth);
    for (size_t g = 0; g < groups.size(); ++g) {
      const double shift = (static_cast<double>(g) - count / 2) * width;
      for (const Point& point : chart_.series[groups[g]].points) {
        if (plot_.can_show_x(point.x))
          draw_bar(groups[g], point, plot_.x_at(point.x) + shift, width);
      }
    }
  }

  void draw_bar(size_t series, const Point& point, double left, double width) {
    const std::string title = hover(chart_.series[series], point);
    const double base = plot_.baseline(), middle = left + width / 2;
    if (std::isnan(point.y)) {
      // Upright: a bar is narrower than the word.
      const std::string turn =
          fmt::format("transform=\"rotate(-90 {0:.1f} {1:.1f})\"", middle + 4, base - 4);
      out_ += fmt::format("<g class=\"sign\">{}{}</g>\n", title,
                          svg_text(middle + 4, base - 4, turn, "NaN"));
    } else if (!plot_.can_show_y(point.y) && std::isfinite(point.y)) {
      out_ += fmt::format("<g class=\"none\">{}{}</g>\n", title,
                          svg_text(middle, base - 4, "text-anchor=\"middle\"", "0"));
    } else {
      const double end = plot_.y_at(point.y);
      out_ += fmt::format(
          "<rect class=\"bar {}s{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
          "{}</rect>\n",
          std::isinf(point.y) ? "off " : "", looks_[series] % kNumColours, left + 0.5,
          std::min(base, end), std::max(width - 1, 1.0), std::max(std::abs(base - end), 0.5),
          title);
      if (std::isinf(point.y)) out_ += sign(middle, plot_.area().y - 3, "∞", title);
    }
  }

  /// For a value that no place on the axis stands for.
  std::string sign(double x, double y, const char* what, const std::string& title) const {
    return fmt::format("<g class=\"sign\">{}{}</g>\n", title,
                       svg_text(x, y, "text-anchor=\"middle\"", what));
  }

  void draw_line(size_t s) {
    const Series& series = chart_.series[s];
    std::string path, marks;
    bool connected = false;
    for (const Point& point : series.points) {
      const bool shown = plot_.can_show_x(point.x) && plot_.can_show_y(point.y);
      const double x = plot_.x_at(point.x), y = plot_.y_at(point.y);
      if (shown) path += fmt::format("{}{:.1f} {:.1f}", connected ? "L" : "M", x, y);
      connected = shown;
      marks += mark_of(s, point, series.points.size());
    }
    if (!path.empty()) {
      out_ += fmt::format("<path class=\"curve s{}\" d=\"{}\"/>\n", looks_[s] % kNumColours, path);
    }
    out_ += marks;
  }

  /// The mark of a point of a line: visible, or only for hovering if there are many.
  std::string mark_of(size_t series, const Point& point, size_t count) const {
    if (!plot_.can_show_x(point.x)) return "";
    const double x = plot_.x_at(point.x), y = plot_.y_at(point.y);
    const std::string title = hover(chart_.series[series], point);
    if (!plot_.can_show_y(point.y)) return off_axis(point, x, title);
    if (count <= kMaxMarkedPoints) {
      return fmt::format("<path class=\"mark s{}\" d=\"{}\">{}</path>\n",
                         looks_[series] % kNumColours, mark_path(looks_[series], x, y), title);
    }
    if (count > kMaxHoverPoints) return "";
    return fmt::format("<circle class=\"hit\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\">{}</circle>\n", x,
                       y, title);
  }

  std::string off_axis(const Point& point, double x, const std::string& title) const {
    const Box& area = plot_.area();
    if (std::isinf(point.y) && point.y > 0) return sign(x, area.y + kFontSize, "∞", title);
    const double bottom = area.y + area.height - 4;
    if (std::isnan(point.y)) return sign(x, bottom, "NaN", title);
    return fmt::format("<g class=\"none\">{}{}</g>\n", title,
                       svg_text(x, bottom, "text-anchor=\"middle\"", point.y == 0 ? "0" : "▾"));
  }

  void draw_points(size_t s) {
    for (const Point& point : chart_.series[s].points) {
      out_ += mark_of(s, point, 0);
      if (!plot_.can_show_x(point.x)) continue;
      labels_.add_obstacle({plot_.x_at(point.x) - kMarkRadius, plot_.y_at(point.y) - kMarkRadius,
                            2 * kMarkRadius, 2 * kMarkRadius});
    }
  }

  size_t num_labels() const {
    size_t count = 0;
    for (const Series& series : chart_.series) {
      if (series.kind != SeriesKind::kPoints) continue;
      count += static_cast<size_t>(
          std::count_if(series.points.begin(), series.points.end(),
                        [](const Point& point) { return !point.label.empty(); }));
    }
    return count;
  }

  void draw_point_labels() {
    if (num_labels() > kMaxLabels) return;
    for (const Series& series : chart_.series) {
      if (series.kind != SeriesKind::kPoints && series.kind != SeriesKind::kLimit) continue;
      for (const Point& point : series.points) {
        if (point.label.empty() || !plot_.can_show_x(point.x)) continue;
        const std::string label = clean_text(point.label);
        const double x = plot_.x_at(point.x), y = plot_.y_at(point.y);
        const auto box = labels_.place(x, y, text_extent(label));
        if (box) draw_label(label, *box, x, y);
      }
    }
  }

  void draw_label(const std::string& label, const Box& box, double x, double y) {
    const double near_x = std::clamp(x, box.x, box.x + box.width);
    const double near_y = std::clamp(y, box.y, box.y + box.height);
    if (std::hypot(near_x - x, near_y - y) > 10) {
      out_ += fmt::format("<path class=\"leader\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", x, y,
                          near_x, near_y);
    }
    out_ += svg_text(box.x + box.width / 2, box.y + kFontSize - 1,
                     "text-anchor=\"middle\" class=\"halo\"", label);
  }

  void draw_reference_lines() {
    std::vector<ReferenceLine> lines = chart_.lines;
    std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.y > b.y; });
    const Box& area = plot_.area();
    for (const ReferenceLine& line : lines) {
      if (!plot_.can_show_y(line.y)) continue;
      const double y = plot_.y_at(line.y);
      out_ += fmt::format("<path class=\"reference\" d=\"M{:.1f} {:.1f}h{:.1f}\"/>\n", area.x, y,
                          area.width);
      const std::string label = clean_text(line.label.in(language_));
      const std::string text = label.empty() ? format_number(line.y) : label;
      const double width = text_extent(text);
      Box box{area.x + area.width - width - 4, y - kFontSize - 5, width, kFontSize + 3};
      for (const Box& other : reference_labels_) {
        if (box.overlaps(other)) box.x = area.x + 6;
      }
      reference_labels_.push_back(box);
      labels_.add_obstacle(box);
      late_ += svg_text(box.x + box.width, box.y + kFontSize,
                        "text-anchor=\"end\" class=\"halo strong\"", text);
    }
    out_ += late_;
  }

  void draw_limits() {
    for (const Series& series : chart_.series) {
      if (series.kind != SeriesKind::kLimit) continue;
      for (size_t i = 0; i + 1 < series.points.size(); ++i) {
        draw_limit(series.points[i], series.points[i + 1], i == 0 ? series.name.in(language_) : "");
      }
    }
  }

  /// A straight piece of a limit with its name along it.
  void draw_limit(const Point& from, const Point& to, const std::string& name) {
    for (const Point& point : {from, to}) {
      if (!plot_.can_show_x(point.x) || !plot_.can_show_y(point.y)) return;
    }
    const double x0 = plot_.x_at(from.x), y0 = plot_.y_at(from.y);
    const double x1 = plot_.x_at(to.x), y1 = plot_.y_at(to.y);
    out_ +=
        fmt::format("<path class=\"limit\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", x0, y0, x1, y1);
    add_obstacles({x0, y0}, {x1, y1}, 4);
    if (name.empty()) return;
    const std::string text = clean_text(name);
    const double x = (x0 + x1) / 2, y = (y0 + y1) / 2;
    const double angle = std::atan2(y1 - y0, x1 - x0);
    const double along_x = std::cos(angle) * text_extent(text) / 2;
    const double along_y = std::sin(angle) * text_extent(text) / 2;
    const double up_x = std::sin(angle) * kFontSize, up_y = -std::cos(angle) * kFontSize;
    add_obstacles({x - along_x + up_x, y - along_y + up_y},
                  {x + along_x + up_x, y + along_y + up_y}, kFontSize);
    out_ += svg_text(x, y - 7,
                     fmt::format("text-anchor=\"middle\" class=\"halo strong\" "
                                 "transform=\"rotate({:.1f} {:.1f} {:.1f})\"",
                                 angle * 180 / std::acos(-1.0), x, y),
                     text);
  }

  struct Place {
    double x, y;
  };

  /// Squares of `size` along a straight line.
  void add_obstacles(const Place& from, const Place& to, double size) {
    constexpr int kPieces = 60;
    for (int i = 0; i <= kPieces; ++i) {
      const double share = static_cast<double>(i) / kPieces;
      labels_.add_obstacle({from.x + share * (to.x - from.x) - size / 2,
                            from.y + share * (to.y - from.y) - size / 2, size, size});
    }
  }

  const Chart& chart_;
  Language language_;
  std::vector<size_t> looks_;
  SvgPlot plot_;
  LabelPlacer labels_;
  std::vector<Box> reference_labels_;
  std::string late_;
  std::string out_;
};

}  // namespace

std::string svg_chart(const Chart& chart, Language language, const std::string& title_id) {
  return Drawing(chart, language).draw(title_id);
}

std::string chart_legend(const Chart& chart, Language language) {
  const std::vector<size_t> looks = looks_of(chart);
  std::string items;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    const std::string name = xml_text(series.name.in(language));
    if (name.empty() || series.kind == SeriesKind::kLimit) continue;
    std::string mark;
    if (series.kind == SeriesKind::kBars) {
      mark = fmt::format("<rect class=\"bar s{}\" x=\"5\" y=\"1\" width=\"12\" height=\"12\"/>",
                         looks[s] % kNumColours);
    } else {
      if (series.kind == SeriesKind::kLine) {
        mark = fmt::format("<path class=\"curve s{}\" d=\"M0 7h22\"/>", looks[s] % kNumColours);
      }
      const bool marked =
          series.kind == SeriesKind::kPoints || series.points.size() <= kMaxMarkedPoints;
      if (marked) {
        mark += fmt::format("<path class=\"mark s{}\" d=\"{}\"/>", looks[s] % kNumColours,
                            mark_path(looks[s], 11, 7));
      }
    }
    items += fmt::format(
        "<li><svg width=\"22\" height=\"14\" viewBox=\"0 0 22 14\" "
        "xmlns=\"http://www.w3.org/2000/svg\" aria-hidden=\"true\">{}</svg>{}</li>\n",
        mark, name);
  }
  return items.empty() ? "" : "<ul class=\"legend\">\n" + items + "</ul>";
}

}  // namespace ernie::report
