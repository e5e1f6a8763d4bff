#pragma once

/// The frame of a chart: where the plot lies in the drawing, its axes, ticks and grid.

#include <string>
#include <vector>

#include "report/report.h"
#include "report/scale.h"
#include "report/svg_labels.h"

namespace ernie::report {

/// Immutable. All coordinates are in the drawing's units, y downwards, and finite.
class SvgPlot {
 public:
  SvgPlot(const Chart& chart, Language language);

  double width() const { return kWidth; }
  double height() const { return area_.y + area_.height + bottom_; }
  const Box& area() const { return area_; }
  bool has_categories() const { return !labels_.empty(); }
  double band_width() const;  ///< of one category

  /// Of a value, or of a category's middle by its index.
  double x_at(double x) const;
  double y_at(double y) const;
  double baseline() const;  ///< where bars begin
  bool can_show_x(double x) const;
  bool can_show_y(double y) const { return y_.can_show(y); }

  /// Grid, axes, tick labels and axis labels: what lies behind the data.
  std::string frame() const;

 private:
  static constexpr double kWidth = 940;

  void lay_out_sides();
  void lay_out_bottom();
  std::string bands() const;
  std::string y_axis() const;
  std::string x_axis() const;
  std::string category_axis() const;

  Scale x_, y_;
  std::string x_label_, y_label_;
  std::vector<std::string> labels_;  // of the categories
  bool tilted_ = false;              // the categories' labels
  Box area_;
  double bottom_ = 0;
};

/// `<text>` with its text escaped; `attributes` as they stand in the tag.
std::string svg_text(double x, double y, const std::string& attributes, const std::string& text);

}  // namespace ernie::report
