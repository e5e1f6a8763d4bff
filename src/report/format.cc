#include "report/format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace ernie::report {
namespace {

std::string not_finite(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "∞" : "-∞";
}

void drop_trailing_zeros(std::string& decimal) {
  if (decimal.find('.') == std::string::npos) return;
  decimal.erase(decimal.find_last_not_of('0') + 1);
  if (decimal.back() == '.') decimal.pop_back();
}

/// "1.230e-07" to "1.23e-7".
std::string scientific(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);
  const size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  drop_trailing_zeros(mantissa);
  return fmt::format("{}e{}", mantissa, std::stoi(text.substr(e + 1)));
}

/// The power of ten of the first digit, after rounding to `digits`: 9.996 with three is 1.
int rounded_exponent(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);
  return std::stoi(text.substr(text.find('e') + 1));
}

}  // namespace

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return not_finite(value);
  if (value == 0) return "0";
  const int exponent = rounded_exponent(value, digits);
  if (exponent < -3 || exponent >= 6) return scientific(value, digits);
  const int decimals = std::max(0, digits - 1 - exponent);
  std::string text = fmt::format("{:.{}f}", value, decimals);
  drop_trailing_zeros(text);
  return text;
}

std::string format_si(double value, std::string_view unit, int digits) {
  constexpr std::array<const char*, 9> kPrefixes = {"p", "n", "µ", "m", "", "k", "M", "G", "T"};
  constexpr int kUnity = 4;
  const auto with = [&](const std::string& number, const char* prefix) {
    const std::string prefixed = std::string(prefix).append(unit);
    return prefixed.empty() ? number : number + " " + prefixed;
  };
  if (!std::isfinite(value) || value == 0) return with(format_number(value), "");
  const int step = static_cast<int>(std::floor(rounded_exponent(value, digits) / 3.0));
  const int index = step + kUnity;
  if (index < 0 || index >= static_cast<int>(kPrefixes.size())) {
    return with(format_number(value, digits), "");
  }
  const double scaled = value * std::pow(10.0, -3 * step);
  return with(format_number(scaled, digits), kPrefixes[static_cast<size_t>(index)]);
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", format_number(value, value >= 1000 ? 4 : 3), kUnits[unit]);
}

std::string format_percent(double share, int digits) {
  return format_number(share * 100, digits) + "%";
}

}  // namespace ernie::report
