#pragma once

/// Typed fields out of a JSON object. A bad one is noted as "name: key: got …, expected …" and
/// replaced, so that reading goes on and every problem is found. Only sources include this header.

#include <boost/json/object.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/problems.h"

namespace ernie {

class FieldReader {
 public:
  /// The spellings of one field. Two of them may occur together only with equal values.
  using Keys = std::initializer_list<std::string_view>;

  /// All three arguments must outlive the reader.
  FieldReader(const boost::json::object& object, const std::string& name, Problems& problems)
      : object_(object), name_(name), problems_(problems) {}

  /// Null if the field is absent or null.
  const boost::json::value* find(Keys keys);

  /// `otherwise` if the field is absent; without it the field is required. 0 if it is bad.
  int64_t integer(Keys keys, int64_t min, int64_t max,
                  std::optional<int64_t> otherwise = std::nullopt);
  /// A number or a list of them; `otherwise` if the field is absent, empty if it is bad.
  std::vector<int64_t> integers(Keys keys, int64_t min, int64_t max,
                                std::vector<int64_t> otherwise);
  /// Finite and in [min, max].
  double number(Keys keys, double min, double max, double otherwise);
  std::optional<bool> boolean(Keys keys);
  std::optional<std::string> text(Keys keys);

  /// Notes a problem of the value `got` under `key`.
  void refuse(ErrorCode code, std::string_view key, std::string_view got,
              std::string_view expected);

  const std::string& name() const { return name_; }
  Problems& problems() { return problems_; }

 private:
  std::optional<int64_t> checked_integer(std::string_view key, const boost::json::value& value,
                                         int64_t min, int64_t max);

  const boost::json::object& object_;
  const std::string& name_;
  Problems& problems_;
};

}  // namespace ernie
