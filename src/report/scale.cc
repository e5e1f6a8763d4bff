#include "report/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace ernie::report {
namespace {

// Beyond this, differences of two values could overflow.
constexpr double kLargest = 1e300;
constexpr double kSmallest = 1e-290;

/// The smallest of 1, 2, 5 times a power of ten that is at least `x`.
double round_step(double x) {
  const double power = std::pow(10.0, std::floor(std::log10(x)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= x * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string linear_label(double value, double step, double largest) {
  if (std::abs(value) < step * 1e-6) return "0";
  if (largest >= 1e6 || step < 1e-4) {
    const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    return fmt::format("{:.3g}×{}", value / std::pow(10.0, exponent), power_of_ten(exponent));
  }
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

std::string log_label(int exponent, int factor, bool plain) {
  if (plain || exponent == 0 || exponent == 1) {
    return fmt::format("{:.{}f}", factor * std::pow(10.0, exponent), std::max(0, -exponent));
  }
  if (factor == 1) return power_of_ten(exponent);
  return fmt::format("{}×{}", factor, power_of_ten(exponent));
}

}  // namespace

std::string power_of_ten(int exponent) {
  constexpr std::array<const char*, 10> kDigits = {"⁰", "¹", "²", "³", "⁴",
                                                   "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent))) {
    text += kDigits[static_cast<size_t>(digit - '0')];
  }
  return text;
}

Scale::Scale(const std::vector<double>& values, const ScaleOptions& options) : log_(options.log) {
  bool any = false, integral = true;
  for (const double value : values) {
    if (!can_show(value)) continue;
    const double place = transformed(value);
    low_ = any ? std::min(low_, place) : place;
    high_ = any ? std::max(high_, place) : place;
    integral = integral && value == std::floor(value);
    any = true;
  }
  if (!any && log_) low_ = -1, high_ = 0;
  if (log_) {
    place_log(options);
  } else {
    place_linear(options, any && integral);
  }
}

bool Scale::can_show(double value) const { return std::isfinite(value) && (!log_ || value > 0); }

double Scale::transformed(double value) const {
  return log_ ? std::log10(value) : std::clamp(value, -kLargest, kLargest);
}

double Scale::position(double value) const {
  if (std::isinf(value)) return value > 0 ? 1 : 0;
  if (!can_show(value)) return 0;
  return std::clamp((transformed(value) - low_) / (high_ - low_), 0.0, 1.0);
}

void Scale::place_linear(const ScaleOptions& options, bool integral) {
  if (options.from_zero) {
    low_ = std::min(low_, 0.0);
    high_ = std::max(high_, 0.0);
  }
  const double largest = std::max(std::abs(low_), std::abs(high_));
  if (high_ - low_ <= largest * 1e-9 || largest < kSmallest) {  // steps would be lost in rounding
    const double room = largest < kSmallest ? 1 : largest * 0.5;
    if (!options.from_zero) low_ -= room;
    high_ += room;
  }
  double step = round_step((high_ - low_) / std::max(1, options.max_ticks - 1));
  if (integral) step = std::max(step, 1.0);
  if (options.tight) {
    const double room = (high_ - low_) * 0.02;
    low_ -= room;
    high_ += room;
  } else {
    low_ = std::floor(low_ / step + 1e-9) * step;
    high_ = std::ceil(high_ / step - 1e-9) * step;
  }
  add_linear_ticks(step);
}

void Scale::add_linear_ticks(double step) {
  const double largest = std::max(std::abs(low_), std::abs(high_));
  const double first = std::ceil(low_ / step - 1e-9);
  for (int i = 0; i < 100; ++i) {
    const double value = (first + i) * step;
    if (value > high_ + step * 1e-9) break;
    ticks_.push_back({position(value), linear_label(value, step, largest)});
  }
}

void Scale::place_log(const ScaleOptions& options) {
  if (options.tight) {
    const double room = std::max((high_ - low_) * 0.04, 0.1);
    low_ -= room;
    high_ += room;
  } else {
    // Decimal logarithms of powers of ten may be off by a rounding.
    low_ = std::floor(low_ - (options.bars ? 0.3 : -1e-9));
    high_ = std::ceil(high_ - 1e-9);
    if (high_ <= low_) high_ = low_ + 1;
  }
  add_log_ticks(options.max_ticks);
}

void Scale::add_log_ticks(int max_ticks) {
  const int first = static_cast<int>(std::floor(low_)), last = static_cast<int>(std::ceil(high_));
  const int stride = std::max(1, (last - first + max_ticks - 1) / max_ticks);
  const bool few = high_ - low_ <= 2;
  const bool plain = low_ > -4 && high_ < 5;
  for (int exponent = first; exponent <= last; ++exponent) {
    for (int factor = 1; factor <= 9; ++factor) {
      const double place = exponent + std::log10(factor);
      if (place < low_ - 1e-9 || place > high_ + 1e-9) continue;
      const bool major = factor == 1 ? exponent % stride == 0 : few && (factor == 2 || factor == 5);
      if (!major && last - first > 8) continue;
      const double position = std::clamp((place - low_) / (high_ - low_), 0.0, 1.0);
      ticks_.push_back({position, major ? log_label(exponent, factor, plain) : ""});
    }
  }
}

}  // namespace ernie::report
