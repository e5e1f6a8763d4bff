#pragma once

/// Where texts go in a drawing, so that they do not cover each other.

#include <optional>
#include <string_view>
#include <vector>

namespace ernie::report {

inline constexpr double kFontSize = 12;  ///< of every text in a chart, in its own units

/// About how wide a text of kFontSize is; rather too wide than too narrow.
double text_extent(std::string_view text);

struct Box {
  double x = 0, y = 0, width = 0, height = 0;  ///< x and y of the upper left corner
  bool overlaps(const Box& other) const {
    return x < other.x + other.width && other.x < x + width && y < other.y + other.height &&
           other.y < y + height;
  }
};

class LabelPlacer {
 public:
  /// Labels stay inside `area`.
  explicit LabelPlacer(const Box& area) : area_(area) {}

  /// No label will cover it.
  void add_obstacle(const Box& box) { taken_.push_back(box); }

  /// The place of a label of this width for a mark at (x, y): the nearest of the free places around
  /// it, which is then taken. None if all near ones are taken.
  std::optional<Box> place(double x, double y, double width);

 private:
  bool is_free(const Box& box) const;

  Box area_;
  std::vector<Box> taken_;
};

}  // namespace ernie::report
