#include "json/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ernie {
namespace {

namespace json = boost::json;

/// Nothing for anything that is not written as an integer, or does not fit.
template <typename Int>
bool to_integer(const json::value& value, Int& out) {
  const auto* i = value.if_int64();
  if (i == nullptr || *i < std::numeric_limits<Int>::min() ||
      *i > std::numeric_limits<Int>::max()) {
    return false;
  }
  out = static_cast<Int>(*i);
  return true;
}

/// NaN for what is no number.
double to_double(const json::value& value) {
  return value.is_number() ? value.to_number<double>() : std::nan("");
}

}  // namespace

const json::value* JsonFields::find(Keys keys) {
  known_.insert(known_.end(), keys);
  const json::value* found = nullptr;
  for (const std::string_view key : keys) {
    const json::value* value = object_.if_contains({key.data(), key.size()});
    if (value == nullptr || value->is_null()) continue;
    if (found != nullptr && *found != *value) {
      fail_type(key, *value,
                fmt::format("{} as under its other name {}", brief(*found), *keys.begin()));
    }
    if (found == nullptr) found = value;
  }
  return found;
}

void JsonFields::read(std::string_view name, std::string& out) {
  if (auto value = text({name})) out = *std::move(value);
}

void JsonFields::read(std::string_view name, bool& out) {
  if (const auto value = boolean({name})) out = *value;
}

void JsonFields::read(std::string_view name, int32_t& out) {
  const json::value* value = find(name);
  if (value != nullptr && !to_integer(*value, out)) {
    fail_type(name, *value, "an integer of 32 bits");
  }
}

void JsonFields::read(std::string_view name, int64_t& out) {
  const json::value* value = find(name);
  if (value != nullptr && !to_integer(*value, out)) {
    fail_type(name, *value, "an integer of 64 bits");
  }
}

void JsonFields::read(std::string_view name, float& out) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  const double x = to_double(*value);
  if (!(std::abs(x) <= std::numeric_limits<float>::max())) {
    return fail_type(name, *value, "a finite number");
  }
  out = static_cast<float>(x);
}

void JsonFields::ignore(std::initializer_list<std::string_view> names) {
  known_.insert(known_.end(), names);
}

int64_t JsonFields::integer(Keys keys, int64_t min, int64_t max, std::optional<int64_t> otherwise) {
  const json::value* value = find(keys);
  if (value != nullptr) return checked_integer(*keys.begin(), *value, min, max).value_or(0);
  if (!otherwise) {
    fail(*keys.begin(), fmt::format("got nothing, expected an integer from {} to {}", min, max));
  }
  return otherwise.value_or(0);
}

std::vector<int64_t> JsonFields::integers(Keys keys, int64_t min, int64_t max,
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
    fail(*keys.begin(),
         fmt::format("got a list of {}, expected 1 to {} integers", list.size(), kMaxCount));
    return result;
  }
  for (const json::value& item : list) {
    const auto one = checked_integer(*keys.begin(), item, min, max);
    if (!one) return {};
    result.push_back(*one);
  }
  return result;
}

double JsonFields::number(Keys keys, double min, double max, double otherwise) {
  const json::value* value = find(keys);
  if (value == nullptr) return otherwise;
  const double x = to_double(*value);
  if (x >= min && x <= max) return x;
  fail_type(*keys.begin(), *value, fmt::format("a number from {} to {}", min, max));
  return otherwise;
}

std::optional<bool> JsonFields::boolean(Keys keys) {
  const json::value* value = find(keys);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  fail_type(*keys.begin(), *value, "true or false");
  return std::nullopt;
}

std::optional<std::string> JsonFields::text(Keys keys) {
  const json::value* value = find(keys);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  fail_type(*keys.begin(), *value, "a string");
  return std::nullopt;
}

void JsonFields::fail(std::string_view name, std::string_view message) {
  add(place_.code, name, message);
}

void JsonFields::refuse(ErrorCode code, std::string_view name, std::string_view got,
                        std::string_view expected) {
  add(code, name, fmt::format("got {}, expected {}", got, expected));
}

void JsonFields::add(ErrorCode code, std::string_view name, std::string_view message) {
  Error problem = field_error(code, fmt::format("{}{}", place_.path, name), "{}", message);
  problem.message.insert(0, place_.file);
  problems_.push_back(std::move(problem));
}

void JsonFields::fail_type(std::string_view name, const json::value& got,
                           std::string_view expected) {
  fail(name, fmt::format("got {}, expected {}", brief(got), expected));
}

Result<void> JsonFields::finish_ignoring_others() const {
  if (!ok()) return problems_.front();
  return {};
}

Result<void> JsonFields::finish() const {
  ERNIE_TRY_VOID(finish_ignoring_others());
  for (const auto& member : object_) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string shown = shown_key(key);
    Error problem = field_error(place_.code, place_.path + shown, "unknown field");
    if (shown != key) problem.field.clear();  // in quotes or cut
    return problem;
  }
  return {};
}

std::optional<int64_t> JsonFields::checked_integer(std::string_view name, const json::value& value,
                                                   int64_t min, int64_t max) {
  if (const int64_t* number = value.if_int64()) {
    if (*number >= min && *number <= max) return *number;
  }
  fail_type(name, value, fmt::format("an integer from {} to {}", min, max));
  return std::nullopt;
}

}  // namespace ernie
