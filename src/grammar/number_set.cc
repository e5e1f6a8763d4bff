#include "grammar/number_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace ernie {
namespace {

using boost::multiprecision::cpp_int;

constexpr int kLargestExponent = 308, kLeastLargeExponent = 16;
constexpr int kLeastExponent = -324, kLargestSmallExponent = -5;
constexpr size_t kMaxText = 400;
/// Multiples that are looked at before one is taken to exist.
constexpr int kMaxTries = 64;

cpp_int power_of_10(int n) {
  return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(n));
}

/// The mantissa at a smaller exponent.
cpp_int scaled(const Decimal& x, int exponent) {
  return x.mantissa * power_of_10(x.exponent - exponent);
}

Decimal negated(const Decimal& x) { return {-x.mantissa, x.exponent}; }

cpp_int floor_quotient(const cpp_int& a, const cpp_int& b) {
  cpp_int q = a / b;
  if (q * b > a) --q;
  return q;
}

bool is_multiple(const Decimal& x, const Decimal& step) {
  const int exponent = std::min(x.exponent, step.exponent);
  return scaled(x, exponent) % scaled(step, exponent) == 0;
}

Decimal least_common_multiple(const Decimal& a, const Decimal& b) {
  const int exponent = std::min(a.exponent, b.exponent);
  return {boost::multiprecision::lcm(scaled(a, exponent), scaled(b, exponent)), exponent};
}

}  // namespace

Decimal decimal_of(const boost::json::value& number) {
  if (number.is_int64()) return {number.get_int64(), 0};
  if (number.is_uint64()) return {number.get_uint64(), 0};
  // fmt writes the shortest text that reads back equal.
  const std::string shortest = fmt::format("{}", number.get_double());
  std::string digits;
  int exponent = 0;
  bool behind_point = false;
  for (size_t i = 0; i < shortest.size(); ++i) {
    if (shortest[i] == 'e') {
      exponent += std::stoi(shortest.substr(i + 1));
      break;
    }
    if (shortest[i] == '.') {
      behind_point = true;
    } else {
      digits += shortest[i];
      exponent -= behind_point;
    }
  }
  const bool is_negative = digits[0] == '-';
  const size_t first = digits.find_first_not_of("-0");
  const cpp_int mantissa = first == std::string::npos ? cpp_int(0) : cpp_int(digits.substr(first));
  return {is_negative ? -mantissa : mantissa, exponent};
}

int compare(const Decimal& a, const Decimal& b) {
  const int exponent = std::min(a.exponent, b.exponent);
  return scaled(a, exponent).compare(scaled(b, exponent));
}

void NumberSet::at_least(const Decimal& bound, bool is_open) {
  const int order = low_ ? compare(bound, low_->value) : 1;
  if (order > 0 || (order == 0 && is_open)) low_ = Bound{bound, is_open};
}

void NumberSet::at_most(const Decimal& bound, bool is_open) {
  const int order = high_ ? compare(bound, high_->value) : -1;
  if (order < 0 || (order == 0 && is_open)) high_ = Bound{bound, is_open};
}

void NumberSet::multiple_of(const Decimal& step, bool positive) {
  if (!positive) {
    not_steps_.push_back(step);
  } else {
    step_ = step_ ? least_common_multiple(*step_, step) : step;
  }
}

void NumberSet::equal_to(const Decimal& value, bool positive) {
  if (positive) {
    at_least(value, false);
    at_most(value, false);
  } else {
    not_values_.push_back(value);
  }
}

bool NumberSet::is_everything() const { return !step_ && is_integers(); }

bool NumberSet::is_integers() const {
  return !low_ && !high_ && not_steps_.empty() && not_values_.empty() &&
         (!step_ || compare(*step_, {1, 0}) == 0);
}

/// At least 1; nothing where any number of digits can make a number of the set.
std::optional<size_t> NumberSet::most_fraction_digits() const {
  const bool is_one_value = low_ && high_ && compare(low_->value, high_->value) == 0;
  if (!is_one_value && !step_) return std::nullopt;
  Decimal unit = is_one_value ? low_->value : *step_;
  for (; unit.exponent < -1 && unit.mantissa % 10 == 0; ++unit.exponent) unit.mantissa /= 10;
  return static_cast<size_t>(std::max(1, -unit.exponent));
}

bool NumberSet::is_empty() const { return !meets({}); }

bool NumberSet::contains(const Decimal& value) const {
  if (low_ && compare(value, low_->value) < (low_->is_open ? 1 : 0)) return false;
  if (high_ && compare(value, high_->value) > (high_->is_open ? -1 : 0)) return false;
  if (step_ && !is_multiple(value, *step_)) return false;
  return std::none_of(not_steps_.begin(), not_steps_.end(),
                      [&](const Decimal& step) { return is_multiple(value, step); }) &&
         std::none_of(not_values_.begin(), not_values_.end(),
                      [&](const Decimal& other) { return compare(value, other) == 0; });
}

/// Whether a number of the set lies in the interval.
bool NumberSet::meets(Interval interval) const {
  NumberSet both;
  both.low_ = interval.low;
  both.high_ = interval.high;
  if (low_) both.at_least(low_->value, low_->is_open);
  if (high_) both.at_most(high_->value, high_->is_open);
  if (step_) return meets_grid({both.low_, both.high_});
  if (!both.low_ || !both.high_) return true;
  const int order = compare(both.low_->value, both.high_->value);
  if (order < 0) return true;  // finitely many values or grids are missing in between
  return order == 0 && !both.low_->is_open && !both.high_->is_open && contains(both.low_->value);
}

bool NumberSet::meets_grid(const Interval& interval) const {
  // Upwards from the lower end, or downwards if there is only an upper one.
  const bool upwards = interval.low.has_value() || !interval.high.has_value();
  cpp_int index = 0;
  if (const auto& from = upwards ? interval.low : interval.high) {
    const int exponent = std::min(from->value.exponent, step_->exponent);
    const cpp_int a = scaled(from->value, exponent), b = scaled(*step_, exponent);
    index = upwards ? -floor_quotient(-a, b) : floor_quotient(a, b);
    if (from->is_open && index * b == a) index += upwards ? 1 : -1;
  }
  for (int i = 0; i < kMaxTries; ++i, index += upwards ? 1 : -1) {
    const Decimal value{index * step_->mantissa, step_->exponent};
    if (upwards && interval.high &&
        compare(value, interval.high->value) > (interval.high->is_open ? -1 : 0)) {
      return false;
    }
    if (contains(value)) return true;
  }
  return false;
}

/// Of the numbers with this sign and a magnitude from low to below high.
bool NumberSet::meets_magnitude(bool is_negative, const Decimal& low,
                                const std::optional<Decimal>& high) const {
  Interval interval{Bound{low, false}, std::nullopt};
  if (high) interval.high = Bound{*high, true};
  if (is_negative) {
    Interval mirrored;
    mirrored.high = Bound{negated(low), false};
    if (high) mirrored.low = Bound{negated(*high), true};
    return meets(mirrored);
  }
  return meets(interval);
}

/// Whether nothing of at least this magnitude is in the set.
bool NumberSet::is_beyond(bool is_negative, const Decimal& magnitude) const {
  if (is_negative) return low_ && compare(negated(magnitude), low_->value) < 0;
  return high_ && compare(magnitude, high_->value) > 0;
}

/// A beginning of a JSON number, taken apart.
struct NumberSet::Form {
  bool is_valid = true;
  bool is_negative = false, has_point = false, has_exponent = false, has_sign = false,
       is_small = false;
  std::string_view whole, fraction, exponent;

  explicit Form(std::string_view text) {
    const auto take_digits = [&text] {
      const size_t n = std::min(text.find_first_not_of("0123456789"), text.size());
      const std::string_view taken = text.substr(0, n);
      text.remove_prefix(n);
      return taken;
    };
    const auto take = [&text](char c) {
      if (text.empty() || text[0] != c) return false;
      text.remove_prefix(1);
      return true;
    };
    if (text.size() > kMaxText) is_valid = false;
    is_negative = take('-');
    whole = take_digits();
    if (whole.size() > 1 && whole[0] == '0') is_valid = false;
    if (whole.empty() && !text.empty()) is_valid = false;
    has_point = take('.');
    if (has_point) fraction = take_digits();
    has_exponent = take('e') || take('E');
    if (has_exponent && has_point && fraction.empty()) is_valid = false;
    if (has_exponent) {
      is_small = !text.empty() && text[0] == '-';
      has_sign = take('+') || take('-');
      if (has_sign) exponent = take_digits();
    }
    if (!text.empty()) is_valid = false;
  }

  /// One digit that is not 0 stands before the point.
  bool is_scientific() const { return whole.size() == 1 && whole[0] != '0'; }
  Decimal mantissa() const {
    std::string digits = std::string(whole) + std::string(fraction);
    const size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    return {cpp_int(digits.substr(first)), -static_cast<int>(fraction.size())};
  }
  /// Whether the digits read so far begin an exponent, as written with one digit or two at least.
  bool begins_exponent(int value) const {
    if (has_sign && is_small != (value < 0)) return false;
    const std::string plain = std::to_string(std::abs(value));
    return plain.starts_with(exponent) ||
           (plain.size() == 1 && ("0" + plain).starts_with(exponent));
  }
};

bool NumberSet::can_begin_plain(const Form& form) const {
  if (form.whole.empty()) return meets_magnitude(form.is_negative, {0, 0}, std::nullopt);
  const Decimal low = form.mantissa();
  if (form.has_point || form.whole == "0") {
    if (form.fraction.size() > most_fraction_digits().value_or(kMaxText)) return false;
    return meets_magnitude(form.is_negative, low, Decimal{low.mantissa + 1, low.exponent});
  }
  for (int k = 0; k <= kLargestExponent; ++k) {
    if (is_beyond(form.is_negative, {low.mantissa, k})) return false;
    if (meets_magnitude(form.is_negative, {low.mantissa, k}, Decimal{low.mantissa + 1, k})) {
      return true;
    }
  }
  return false;
}

bool NumberSet::meets_exponent(const Form& form, int exponent) const {
  Decimal low = form.mantissa();
  low.exponent += exponent;
  if (form.has_exponent) return contains(form.is_negative ? negated(low) : low);
  return meets_magnitude(form.is_negative, low, Decimal{low.mantissa + 1, low.exponent});
}

bool NumberSet::can_begin_exponent(const Form& form) const {
  if (!form.is_scientific()) return false;
  const Decimal mantissa = form.mantissa();
  for (int x = kLeastLargeExponent; x <= kLargestExponent; ++x) {
    if (is_beyond(form.is_negative, {mantissa.mantissa, mantissa.exponent + x})) break;
    if (form.begins_exponent(x) && meets_exponent(form, x)) return true;
  }
  for (int x = kLargestSmallExponent; x >= kLeastExponent; --x) {
    const Decimal end{mantissa.mantissa + 1, mantissa.exponent + x};
    if (step_ && compare(end, *step_) <= 0) break;  // smaller ones are no multiples
    if (form.begins_exponent(x) && meets_exponent(form, x)) return true;
  }
  return false;
}

bool NumberSet::can_begin(std::string_view text) const {
  const Form form(text);
  if (!form.is_valid) return false;
  return (!form.has_exponent && can_begin_plain(form)) || can_begin_exponent(form);
}

std::optional<Decimal> NumberSet::value_of(const Form& form) const {
  if (!form.is_valid || form.whole.empty() || (form.has_point && form.fraction.empty())) {
    return std::nullopt;
  }
  Decimal value = form.mantissa();
  if (form.has_exponent) {
    if (form.exponent.empty() || form.exponent.size() > 3 || !form.is_scientific()) {
      return std::nullopt;
    }
    int exponent = std::stoi(std::string(form.exponent));
    if (form.is_small) exponent = -exponent;
    const bool is_usual = exponent >= 0
                              ? exponent >= kLeastLargeExponent && exponent <= kLargestExponent
                              : exponent <= kLargestSmallExponent && exponent >= kLeastExponent;
    if (!is_usual) return std::nullopt;
    value.exponent += exponent;
  } else if (form.fraction.size() > most_fraction_digits().value_or(kMaxText)) {
    return std::nullopt;
  }
  return form.is_negative ? negated(value) : value;
}

bool NumberSet::accepts(std::string_view text) const {
  const auto value = value_of(Form(text));
  return value && contains(*value);
}

}  // namespace ernie
