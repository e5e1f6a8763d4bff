#pragma once

/// From values to places on an axis, and the ticks that belong there.

#include <string>
#include <vector>

namespace ernie::report {

struct Tick {
  double position = 0;  ///< 0 to 1 along the axis
  std::string label;    ///< empty: a minor tick
};

struct ScaleOptions {
  bool log = false;
  bool from_zero = false;  ///< linear only: zero is on the axis
  bool tight = false;      ///< ends near the data, not at a tick
  bool bars = false;       ///< log only: begins well below the smallest value, which has no zero
  int max_ticks = 7;       ///< labelled ones, about
};

/// Immutable. Whatever the values, positions and ticks are finite.
class Scale {
 public:
  /// Spans those of `values` that can be shown: finite, and on a log axis positive. Without any it
  /// is 0 to 1, or 0.1 to 1.
  Scale(const std::vector<double>& values, const ScaleOptions& options);

  /// Whether a value has a place: finite, and on a log axis positive.
  bool can_show(double value) const;
  /// Between 0 and 1 within the span, clamped to it. What cannot be shown and is not infinite is
  /// at 0.
  double position(double value) const;
  /// In ascending order.
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  double transformed(double value) const;
  void place_linear(const ScaleOptions& options, bool integral);
  void place_log(const ScaleOptions& options);
  void add_linear_ticks(double step);
  void add_log_ticks(int max_ticks);

  bool log_;
  double low_ = 0, high_ = 1;  // of the transformed values
  std::vector<Tick> ticks_;
};

/// "10⁻⁶".
std::string power_of_ten(int exponent);

}  // namespace ernie::report
