#include "report/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/text_width.h"
#include "report/xml_text.h"

namespace ernie::report {
namespace {

constexpr double kTop = 30;
constexpr double kTiltDegrees = 35;
const double kTiltCos = std::cos(kTiltDegrees * std::acos(-1.0) / 180);
const double kTiltSin = std::sin(kTiltDegrees * std::acos(-1.0) / 180);

bool has_kind(const Chart& chart, SeriesKind kind) {
  return std::any_of(chart.series.begin(), chart.series.end(),
                     [kind](const Series& series) { return series.kind == kind; });
}

Scale x_scale(const Chart& chart) {
  std::vector<double> values;
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) values.push_back(point.x);
  }
  return Scale(values, {.log = chart.x.log, .tight = true, .max_ticks = 11});
}

Scale y_scale(const Chart& chart) {
  std::vector<double> values;
  double low = INFINITY, high = -INFINITY;
  const auto add = [&](double y) {
    values.push_back(y);
    if (!std::isfinite(y)) return;
    low = std::min(low, y);
    high = std::max(high, y);
  };
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) add(point.y);
  }
  for (const ReferenceLine& line : chart.lines) add(line.y);
  const bool bars = has_kind(chart, SeriesKind::kBars);
  // Without zero only where it would squeeze the data into a strip.
  const bool from_zero = bars || (low >= 0 && low < 0.6 * high);
  return Scale(values, {.log = chart.y.log,
                        .from_zero = from_zero,
                        .tight = has_kind(chart, SeriesKind::kPoints) && chart.y.log,
                        .bars = bars});
}

}  // namespace

std::string svg_text(double x, double y, const std::string& attributes, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                     xml_text(text));
}

SvgPlot::SvgPlot(const Chart& chart, Language language)
    : x_(x_scale(chart)),
      y_(y_scale(chart)),
      x_label_(clean_text(chart.x.label.in(language))),
      y_label_(clean_text(chart.y.label.in(language))) {
  for (const Text& category : chart.categories) labels_.push_back(category.in(language));
  area_.y = kTop;
  area_.height = has_kind(chart, SeriesKind::kPoints) ? 400 : 300;
  lay_out_sides();
  lay_out_bottom();
}

void SvgPlot::lay_out_sides() {
  double widest = 0;
  for (const Tick& tick : y_.ticks()) widest = std::max(widest, text_extent(tick.label));
  area_.x = std::ceil(widest) + 14;
  area_.width = kWidth - area_.x - 22;
  double widest_category = 0;
  for (const std::string& label : labels_) {
    widest_category = std::max(widest_category, text_extent(label));
  }
  tilted_ = has_categories() && widest_category > band_width() - 6;
  if (!tilted_) return;
  // A tilted label reaches to the left of its category; the first one must not leave the drawing.
  for (size_t i = 0; i < labels_.size(); ++i) {
    const double overhang =
        text_extent(labels_[i]) * kTiltCos + 6 - (x_at(static_cast<double>(i)) - area_.x);
    area_.x = std::max(area_.x, std::ceil(overhang));
  }
  area_.width = kWidth - area_.x - 22;
}

void SvgPlot::lay_out_bottom() {
  double deepest = kFontSize + 10;
  for (const std::string& label : labels_) {
    if (tilted_) deepest = std::max(deepest, text_extent(label) * kTiltSin + kFontSize + 12);
  }
  bottom_ = std::ceil(deepest) + (x_label_.empty() ? 4 : kFontSize + 10);
}

double SvgPlot::band_width() const {
  return area_.width / static_cast<double>(std::max<size_t>(labels_.size(), 1));
}

bool SvgPlot::can_show_x(double x) const {
  if (!has_categories()) return x_.can_show(x);
  return x >= 0 && x < static_cast<double>(labels_.size());
}

double SvgPlot::x_at(double x) const {
  if (!has_categories()) return area_.x + x_.position(x) * area_.width;
  const double last = static_cast<double>(labels_.size()) - 1;
  return area_.x + ((std::isnan(x) ? 0 : std::clamp(x, 0.0, last)) + 0.5) * band_width();
}

double SvgPlot::y_at(double y) const { return area_.y + (1 - y_.position(y)) * area_.height; }

double SvgPlot::baseline() const { return y_at(0); }

std::string SvgPlot::frame() const {
  return bands() + svg_text(0, 13, "class=\"name\"", y_label_) + y_axis() +
         (has_categories() ? category_axis() : x_axis());
}

std::string SvgPlot::y_axis() const {
  std::string out;
  for (const Tick& tick : y_.ticks()) {
    if (tick.label.empty()) continue;
    const double y = area_.y + (1 - tick.position) * area_.height;
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}h{:.1f}\"/>\n", area_.x, y,
                       area_.width);
    out += svg_text(area_.x - 8, y + 4, "text-anchor=\"end\"", tick.label);
  }
  return out;
}

std::string SvgPlot::x_axis() const {
  const double bottom = area_.y + area_.height;
  std::string out = fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}h{:.1f}\"/>\n", area_.x,
                                bottom, area_.width);
  for (const Tick& tick : x_.ticks()) {
    const double x = area_.x + tick.position * area_.width;
    out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v{}\"/>\n", x, bottom,
                       tick.label.empty() ? 3 : 6);
    if (!tick.label.empty()) {
      out += svg_text(x, bottom + kFontSize + 8, "text-anchor=\"middle\"", tick.label);
    }
  }
  return out + svg_text(area_.x + area_.width / 2, height() - 4,
                        "text-anchor=\"middle\" class=\"name\"", x_label_);
}

/// Every second category has another background, so that groups of bars are told apart.
std::string SvgPlot::bands() const {
  std::string out;
  for (size_t i = 1; i < labels_.size(); i += 2) {
    out += fmt::format(
        "<rect class=\"band\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
        x_at(static_cast<double>(i)) - band_width() / 2, area_.y, band_width(), area_.height);
  }
  return out;
}

std::string SvgPlot::category_axis() const {
  const double bottom = area_.y + area_.height;
  std::string out;
  for (size_t i = 0; i < labels_.size(); ++i) {
    const double x = x_at(static_cast<double>(i));
    const double y = bottom + kFontSize + 6;
    const std::string tilt = fmt::format(
        "text-anchor=\"end\" transform=\"rotate(-{} {:.1f} {:.1f})\"", kTiltDegrees, x + 4, y);
    out += tilted_ ? svg_text(x + 4, y, tilt, labels_[i])
                   : svg_text(x, y + 2, "text-anchor=\"middle\"", labels_[i]);
  }
  out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}h{:.1f}\"/>\n", area_.x, bottom,
                     area_.width);
  return out + svg_text(area_.x + area_.width / 2, height() - 4,
                        "text-anchor=\"middle\" class=\"name\"", x_label_);
}

}  // namespace ernie::report
