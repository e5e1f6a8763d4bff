#include "report/svg_labels.h"

#include <algorithm>
#include <array>

#include "report/text_width.h"

namespace ernie::report {
namespace {

constexpr double kLineHeight = kFontSize + 2;

struct Direction {
  double x, y;  // of the label's middle from the mark: -1, 0 or 1
};

constexpr std::array<Direction, 8> kDirections = {
    {{1, 0}, {0, -1}, {0, 1}, {-1, 0}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}};
constexpr std::array<double, 4> kDistances = {8, 14, 24, 36};

}  // namespace

double text_extent(std::string_view text) { return display_width(text) * kFontSize * 0.57; }

bool LabelPlacer::is_free(const Box& box) const {
  const bool inside = box.x >= area_.x && box.y >= area_.y &&
                      box.x + box.width <= area_.x + area_.width &&
                      box.y + box.height <= area_.y + area_.height;
  return inside && std::none_of(taken_.begin(), taken_.end(),
                                [&](const Box& other) { return box.overlaps(other); });
}

std::optional<Box> LabelPlacer::place(double x, double y, double width) {
  for (const double distance : kDistances) {
    for (const Direction& to : kDirections) {
      // Diagonal places lie nearer along each axis, so that a leader has the same length.
      const double reach = to.x != 0 && to.y != 0 ? distance * 0.7 : distance;
      const double middle_x = x + to.x * (reach + width / 2);
      const double middle_y = y + to.y * (reach + kLineHeight / 2);
      const Box box{middle_x - width / 2, middle_y - kLineHeight / 2, width, kLineHeight};
      if (!is_free(box)) continue;
      taken_.push_back(box);
      return box;
    }
  }
  return std::nullopt;
}

}  // namespace ernie::report
