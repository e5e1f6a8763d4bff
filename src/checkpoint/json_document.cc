#include "checkpoint/json_document.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>
#include <unordered_set>
#include <vector>

#include "checkpoint/problems.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// Builds the value as the library's own parser does, but remembers each open object's keys: that
/// one keeps the last of two equal keys without a word.
class Builder {
 public:
  static constexpr size_t max_array_size = -1, max_object_size = -1;
  static constexpr size_t max_string_size = -1, max_key_size = -1;

  const std::string& duplicate_key() const { return duplicate_key_; }
  bool has_duplicate() const { return has_duplicate_; }
  json::value release() { return stack_.release(); }

  bool on_document_begin(json::error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(size_t count, json::error_code&) {
    keys_.pop_back();
    stack_.push_object(count);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(size_t count, json::error_code&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(json::string_view part, size_t, json::error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, json::error_code& error) {
    key_.append(part.data(), part.size());
    stack_.push_key(part);
    has_duplicate_ = !keys_.back().insert(key_).second;
    if (has_duplicate_) {
      duplicate_key_ = key_;
      error = json::error::syntax;
    }
    key_.clear();
    return !has_duplicate_;
  }
  bool on_string_part(json::string_view part, size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, json::error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(int64_t value, json::string_view, json::error_code&) {
    stack_.push_int64(value);
    return true;
  }
  bool on_uint64(uint64_t value, json::string_view, json::error_code&) {
    stack_.push_uint64(value);
    return true;
  }
  bool on_double(double value, json::string_view, json::error_code&) {
    stack_.push_double(value);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  json::value_stack stack_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::string key_;
  std::string duplicate_key_;
  bool has_duplicate_ = false;
};

}  // namespace

Result<json::object> parse_json_object(std::string_view text, const std::string& name) {
  json::basic_parser<Builder> parser{json::parse_options{}};
  json::error_code error;
  const size_t num_read = parser.write_some(false, text.data(), text.size(), error);
  if (parser.handler().has_duplicate()) {
    return make_error(ErrorCode::kCorruptData, "{}: got the key \"{}\" twice, expected it once",
                      name, printable(parser.handler().duplicate_key()));
  }
  if (!error && num_read < text.size()) error = json::error::extra_data;
  if (error) {
    return make_error(ErrorCode::kCorruptData, "{}: got invalid JSON after byte {} ({})", name,
                      num_read, error.message());
  }
  json::value value = parser.handler().release();
  if (!value.is_object()) {
    return make_error(ErrorCode::kCorruptData, "{}: got {}, expected a JSON object", name,
                      printable(value));
  }
  return std::move(value.get_object());
}

std::string printable(const json::value& value) { return printable(json::serialize(value)); }

}  // namespace ernie
