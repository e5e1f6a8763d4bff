#include "json/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "json/text.h"

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

bool to_finite_float(const json::value& value, float& out) {
  if (!value.is_number()) return false;
  const double x = value.is_double()  ? value.get_double()
                   : value.is_int64() ? static_cast<double>(value.get_int64())
                                      : static_cast<double>(value.get_uint64());
  if (!(std::abs(x) <= std::numeric_limits<float>::max())) return false;
  out = static_cast<float>(x);
  return true;
}

}  // namespace

const json::value* JsonFields::find(std::string_view name) {
  known_.push_back(name);
  const json::value* value = object_.if_contains({name.data(), name.size()});
  return value == nullptr || value->is_null() || !ok() ? nullptr : value;
}

void JsonFields::read(std::string_view name, std::string& out) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_string()) return fail_type(name, *value, "a string");
  out = value->get_string();
}

void JsonFields::read(std::string_view name, bool& out) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_bool()) return fail_type(name, *value, "true or false");
  out = value->get_bool();
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
  if (value != nullptr && !to_finite_float(*value, out)) {
    fail_type(name, *value, "a finite number");
  }
}

void JsonFields::ignore(std::initializer_list<std::string_view> names) {
  known_.insert(known_.end(), names);
}

void JsonFields::fail(std::string_view name, std::string_view message) {
  if (ok()) problem_ = fmt::format("{}{}: {}", prefix_, name, message);
}

void JsonFields::fail_with(std::string_view message) {
  if (ok()) problem_ = prefix_ + std::string(message);
}

void JsonFields::fail_type(std::string_view name, const json::value& got,
                           std::string_view expected) {
  fail(name, fmt::format("got {}, expected {}", brief(got), expected));
}

Result<void> JsonFields::finish() const {
  if (!ok()) return Error{ErrorCode::kInvalidArgument, problem_};
  for (const auto& member : object_) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      return make_error(ErrorCode::kInvalidArgument, "{}{}: unknown field", prefix_,
                        shown_key(key));
    }
  }
  return {};
}

std::string_view field_of(std::string_view message) {
  const size_t end = message.find(": ");
  if (end == std::string_view::npos) return "";
  const auto name = message.substr(0, end);
  return is_plain_name(name) ? name : "";
}

}  // namespace ernie
