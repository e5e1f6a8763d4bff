#include "json/text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <set>
#include <vector>

namespace ernie {
namespace {

namespace json = boost::json;
using json::error_code;
using json::string_view;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxShownBytes = 60;

/// What Boost's own parser does with the events, and it refuses duplicate keys: of two values for
/// one key, which one counts would be up to the reader.
class TreeBuilder {
 public:
  static constexpr size_t max_object_size = 4096;
  static constexpr size_t max_array_size = size_t{1} << 20;
  static constexpr size_t max_key_size = size_t{1} << 16;
  static constexpr size_t max_string_size = json::string::max_size();

  json::value release() { return stack_.release(); }
  const std::string& duplicate_key() const { return duplicate_key_; }

  bool on_document_begin(error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(size_t n, error_code&) {
    keys_.pop_back();
    stack_.push_object(n);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_key_part(string_view part, size_t, error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(string_view part, size_t, error_code& error) {
    key_.append(part.data(), part.size());
    stack_.push_key(part);
    const bool is_new = keys_.back().insert(key_).second;
    if (!is_new) {
      duplicate_key_ = key_;
      error = json::error::syntax;
    }
    key_.clear();
    return is_new;
  }
  bool on_string_part(string_view part, size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(string_view part, size_t, error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(int64_t x, string_view, error_code&) {
    stack_.push_int64(x);
    return true;
  }
  bool on_uint64(uint64_t x, string_view, error_code&) {
    stack_.push_uint64(x);
    return true;
  }
  bool on_double(double x, string_view, error_code&) {
    stack_.push_double(x);
    return true;
  }
  bool on_bool(bool x, error_code&) {
    stack_.push_bool(x);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  json::value_stack stack_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  std::string key_, duplicate_key_;
};

json::parse_options strict_options() {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  return options;
}

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

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::basic_parser<TreeBuilder> parser(strict_options());
  error_code error;
  const size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  if (!parser.handler().duplicate_key().empty()) {
    return make_error(ErrorCode::kCorruptData, "{}: the key is there twice",
                      shown_key(parser.handler().duplicate_key()));
  }
  if (!error && consumed < text.size()) error = json::error::extra_data;
  if (error) {
    return make_error(ErrorCode::kCorruptData, "not valid JSON at byte {}: {}", consumed,
                      error.message());
  }
  return parser.handler().release();
}

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

bool is_plain_name(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]-") ==
         std::string_view::npos;
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
