#pragma once

#include <boost/json/value.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace ernie {

/// mantissa * 10^exponent, exactly.
struct Decimal {
  boost::multiprecision::cpp_int mantissa;
  int exponent = 0;
};
/// A JSON number; a double is its shortest decimal.
Decimal decimal_of(const boost::json::value& number);
/// Below 0, 0 or above, as a is below, equal to or above b.
int compare(const Decimal& a, const Decimal& b);

/// Which numbers a JSON text may be: what a schema's keywords leave. The texts are those that
/// programs write: plain decimals, and one digit before the point with an exponent of at least 16
/// or at most -5. Behind the point stand no more digits than a number of the set can need, so a
/// text of an integer has at most ".0" behind it and no text ends in ever more zeros.
class NumberSet {
 public:
  void at_least(const Decimal& bound, bool is_open);
  void at_most(const Decimal& bound, bool is_open);
  void multiple_of(const Decimal& step, bool positive);
  void equal_to(const Decimal& value, bool positive);
  void integer(bool positive) { multiple_of({1, 0}, positive); }

  /// Nothing is asked: any JSON number.
  bool is_everything() const;
  /// Any integer and nothing more is asked.
  bool is_integers() const;
  bool is_empty() const;
  bool contains(const Decimal& value) const;

  /// Whether a number of the set begins with, or is, this text.
  bool can_begin(std::string_view text) const;
  /// Whether the text is a number of the set.
  bool accepts(std::string_view text) const;

 private:
  struct Bound {
    Decimal value;
    bool is_open;
  };
  struct Interval {
    std::optional<Bound> low, high;
  };
  struct Form;

  bool meets(Interval interval) const;
  bool meets_grid(const Interval& interval) const;
  bool meets_magnitude(bool is_negative, const Decimal& low,
                       const std::optional<Decimal>& high) const;
  bool is_beyond(bool is_negative, const Decimal& magnitude) const;
  bool can_begin_plain(const Form& form) const;
  bool can_begin_exponent(const Form& form) const;
  bool meets_exponent(const Form& form, int exponent) const;
  std::optional<Decimal> value_of(const Form& form) const;
  std::optional<size_t> most_fraction_digits() const;

  std::optional<Bound> low_, high_;
  std::optional<Decimal> step_;  ///< all numbers are multiples of it
  std::vector<Decimal> not_steps_, not_values_;
};

}  // namespace ernie
