#include "json/parse.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <optional>
#include <set>
#include <vector>

#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;
using json::error_code;
using json::string_view;

struct LineBounds {
  static constexpr size_t max_depth = 64;
  static constexpr size_t max_object_size = 4096;
  static constexpr size_t max_array_size = size_t{1} << 20;
  static constexpr size_t max_key_size = size_t{1} << 16;
};
struct FileBounds {
  static constexpr size_t max_depth = 32;
  static constexpr size_t max_object_size = -1, max_array_size = -1, max_key_size = -1;
};

/// What Boost's own parser does with the events, and it refuses duplicate keys: of two values for
/// one key, which one counts would be up to the reader.
template <typename Bounds>
class TreeBuilder : public Bounds {
 public:
  static constexpr size_t max_string_size = json::string::max_size();

  json::value release() { return stack_.release(); }
  const std::optional<std::string>& duplicate_key() const { return duplicate_key_; }

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
  std::string key_;
  std::optional<std::string> duplicate_key_;
};

/// A value, or why there is none: a key that is there twice, or a reason and the byte.
struct Parsed {
  json::value value;
  std::optional<std::string> duplicate_key;
  error_code error;
  size_t num_read = 0;
};

template <typename Bounds>
Parsed parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = Bounds::max_depth;
  json::basic_parser<TreeBuilder<Bounds>> parser(options);
  Parsed parsed;
  parsed.num_read = parser.write_some(false, text.data(), text.size(), parsed.error);
  parsed.duplicate_key = parser.handler().duplicate_key();
  if (!parsed.error && parsed.num_read < text.size()) parsed.error = json::error::extra_data;
  if (!parsed.error) parsed.value = parser.handler().release();
  return parsed;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  Parsed parsed = parse<LineBounds>(text);
  if (parsed.duplicate_key) {
    const std::string& key = *parsed.duplicate_key;
    Error error = field_error(ErrorCode::kCorruptData, shown_key(key), "the key is there twice");
    if (error.field != key) error.field.clear();  // in quotes or cut
    return error;
  }
  if (parsed.error) {
    return make_error(ErrorCode::kCorruptData, "not valid JSON at byte {}: {}", parsed.num_read,
                      parsed.error.message());
  }
  return std::move(parsed.value);
}

Result<json::object> parse_json_object(std::string_view text, const std::string& name) {
  Parsed parsed = parse<FileBounds>(text);
  if (parsed.duplicate_key) {
    return make_error(ErrorCode::kCorruptData, "{}: got the key {} twice, expected it once", name,
                      brief(json::value(*parsed.duplicate_key)));
  }
  if (parsed.error) {
    return make_error(ErrorCode::kCorruptData, "{}: got invalid JSON after byte {} ({})", name,
                      parsed.num_read, parsed.error.message());
  }
  if (!parsed.value.is_object()) {
    return make_error(ErrorCode::kCorruptData, "{}: got {}, expected a JSON object", name,
                      brief(parsed.value));
  }
  return std::move(parsed.value.get_object());
}

}  // namespace ernie
