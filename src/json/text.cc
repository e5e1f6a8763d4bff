#include "json/text.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>

namespace ernie {
namespace {

namespace json = boost::json;
using json::string_view;

constexpr size_t kMaxShownBytes = 60;

void append_text(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::object: {
      out += '{';
      for (const auto& member : value.get_object()) {
        if (out.back() != '{') out += ',';
        out += json::serialize(json::string_view(member.key()));
        out += ':';
        append_text(member.value(), out);
      }
      out += '}';
      break;
    }
    case json::kind::array: {
      out += '[';
      for (const auto& element : value.get_array()) {
        if (out.back() != '[') out += ',';
        append_text(element, out);
      }
      out += ']';
      break;
    }
    case json::kind::double_: {
      const double x = value.get_double();
      out += std::isfinite(x) ? fmt::format("{}", x) : "null";
      break;
    }
    default:
      out += json::serialize(value);
  }
}

/// Letters, digits, "_", "-", ".", "[" and "]".
bool is_plain_name(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]-") ==
         std::string_view::npos;
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  append_text(value, out);
  return out;
}

std::string brief(const json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  std::string text = json_text(value);
  if (text.size() <= kMaxShownBytes) return text;
  size_t end = kMaxShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return text.substr(0, end) + "…";
}

std::string shown_key(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxShownBytes && is_plain_name(key)) return std::string(key);
  return brief(json::value(string_view(key.data(), key.size())));
}

double shortest_decimal(float x) {
  if (!std::isfinite(x)) return x;
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
  double y = 0;
  std::from_chars(digits, end, y);
  return y;
}

}  // namespace ernie
