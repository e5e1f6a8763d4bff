#include "checkpoint/field_reader.h"

#include <boost/json/value.hpp>
#include <cmath>

#include "checkpoint/json_document.h"

namespace ernie {

namespace json = boost::json;

const json::value* FieldReader::find(Keys keys) {
  const json::value* found = nullptr;
  for (const std::string_view key : keys) {
    const json::value* value = object_.if_contains(key);
    if (value == nullptr || value->is_null()) continue;
    if (found != nullptr && *found != *value) {
      refuse(ErrorCode::kCorruptData, key, printable(*value),
             fmt::format("{} as under its other name {}", printable(*found), *keys.begin()));
    }
    if (found == nullptr) found = value;
  }
  return found;
}

int64_t FieldReader::integer(Keys keys, int64_t min, int64_t max,
                             std::optional<int64_t> otherwise) {
  const json::value* value = find(keys);
  if (value != nullptr) return checked_integer(*keys.begin(), *value, min, max).value_or(0);
  if (!otherwise) {
    refuse(ErrorCode::kCorruptData, *keys.begin(), "nothing",
           fmt::format("an integer from {} to {}", min, max));
  }
  return otherwise.value_or(0);
}

std::vector<int64_t> FieldReader::integers(Keys keys, int64_t min, int64_t max,
                                           std::vector<int64_t> otherwise) {
  constexpr size_t kMaxCount = 16;
  const json::value* value = find(keys);
  if (value == nullptr) return otherwise;
  std::vector<int64_t> result;
  if (!value->is_array()) {
    if (const auto one = checked_integer(*keys.begin(), *value, min, max)) result.push_back(*one);
    return result;
  }
  const json::array& list = value->get_array();
  if (list.empty() || list.size() > kMaxCount) {
    refuse(ErrorCode::kCorruptData, *keys.begin(), fmt::format("a list of {}", list.size()),
           fmt::format("1 to {} integers", kMaxCount));
    return result;
  }
  for (const json::value& item : list) {
    const auto one = checked_integer(*keys.begin(), item, min, max);
    if (!one) return {};
    result.push_back(*one);
  }
  return result;
}

double FieldReader::number(Keys keys, double min, double max, double otherwise) {
  const json::value* value = find(keys);
  if (value == nullptr) return otherwise;
  const double number = value->is_number() ? value->to_number<double>() : std::nan("");
  if (number >= min && number <= max) return number;
  refuse(ErrorCode::kCorruptData, *keys.begin(), printable(*value),
         fmt::format("a number from {} to {}", min, max));
  return otherwise;
}

std::optional<bool> FieldReader::boolean(Keys keys) {
  const json::value* value = find(keys);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  refuse(ErrorCode::kCorruptData, *keys.begin(), printable(*value), "true or false");
  return std::nullopt;
}

std::optional<std::string> FieldReader::text(Keys keys) {
  const json::value* value = find(keys);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  refuse(ErrorCode::kCorruptData, *keys.begin(), printable(*value), "a string");
  return std::nullopt;
}

void FieldReader::refuse(ErrorCode code, std::string_view key, std::string_view got,
                         std::string_view expected) {
  problems_.add(code, "{}: {}: got {}, expected {}", name_, key, got, expected);
}

std::optional<int64_t> FieldReader::checked_integer(std::string_view key, const json::value& value,
                                                    int64_t min, int64_t max) {
  if (const int64_t* number = value.if_int64()) {
    if (*number >= min && *number <= max) return *number;
  }
  refuse(ErrorCode::kCorruptData, key, printable(value),
         fmt::format("an integer from {} to {}", min, max));
  return std::nullopt;
}

}  // namespace ernie
