#include "text/python_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ernie {
namespace {

namespace json = boost::json;

std::string python_double(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

void append(const json::value& value, std::string& out) {
  if (const json::object* object = value.if_object()) {
    const char* separator = "{";
    for (const auto& [key, member] : *object) {
      out += separator;
      out += json::serialize(json::string(key));
      out += ": ";
      append(member, out);
      separator = ", ";
    }
    out += object->empty() ? "{}" : "}";
  } else if (const json::array* array = value.if_array()) {
    const char* separator = "[";
    for (const json::value& element : *array) {
      out += separator;
      append(element, out);
      separator = ", ";
    }
    out += array->empty() ? "[]" : "]";
  } else if (value.is_double()) {
    out += python_double(value.get_double());
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string python_json(const json::value& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace ernie
