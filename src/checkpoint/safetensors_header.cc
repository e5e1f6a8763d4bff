#include "checkpoint/safetensors_header.h"

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <unordered_set>

#include "checkpoint/problems.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// Receives the header's JSON piece by piece: no tree is built, and every key is seen.
class HeaderHandler {
 public:
  static constexpr size_t max_array_size = -1, max_object_size = -1;
  static constexpr size_t max_string_size = -1, max_key_size = -1;

  explicit HeaderHandler(std::vector<SafetensorsEntry>& entries) : entries_(entries) {}

  /// What is wrong with the header; empty if the JSON itself is broken.
  const std::string& problem() const { return problem_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& error) {
    if (level_ == Level::kDocument) {
      level_ = Level::kTop;
    } else if (level_ == Level::kTop) {
      level_ = name_ == "__metadata__" ? Level::kMetadata : Level::kEntry;
      if (level_ == Level::kMetadata && std::exchange(has_metadata_, true)) {
        return fail(error, "__metadata__: got it twice, expected once");
      }
      begin_entry();
    } else {
      return unexpected(error, "an object");
    }
    return true;
  }
  bool on_object_end(size_t, json::error_code& error) {
    const Level closed = level_;
    level_ = closed == Level::kTop ? Level::kDocument : Level::kTop;
    return closed != Level::kEntry || finish_entry(error);
  }

  bool on_array_begin(json::error_code& error) {
    if (level_ != Level::kEntry || (field_ != kShape && field_ != kOffsets)) {
      return unexpected(error, "a list");
    }
    level_ = Level::kNumbers;
    num_numbers_ = 0;
    return true;
  }
  bool on_array_end(size_t, json::error_code& error) {
    level_ = Level::kEntry;
    return field_ == kShape ? finish_shape(error) : finish_offsets(error);
  }

  bool on_key_part(json::string_view part, size_t, json::error_code& error) {
    return append(part, kMaxSafetensorsNameBytes, error);
  }
  bool on_key(json::string_view part, size_t, json::error_code& error) {
    if (!append(part, kMaxSafetensorsNameBytes, error)) return false;
    if (level_ == Level::kTop) {
      name_ = std::exchange(text_, {});
      return true;
    }
    if (level_ == Level::kEntry) return begin_field(error);
    return add_metadata_key(error);
  }

  bool on_string_part(json::string_view part, size_t, json::error_code& error) {
    return append(part, kMaxSafetensorsMetadataBytes, error);
  }
  bool on_string(json::string_view part, size_t, json::error_code& error) {
    if (!append(part, kMaxSafetensorsMetadataBytes, error)) return false;
    if (level_ == Level::kEntry && field_ == kDType) return finish_dtype(error);
    if (level_ != Level::kMetadata) return unexpected(error, "a string");
    return count_metadata(error);
  }

  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(int64_t value, json::string_view, json::error_code& error) {
    if (level_ != Level::kNumbers) return unexpected(error, "a number");
    if (value < 0) return fail(error, "{}: got {}, expected at least 0", field_name(), value);
    if (num_numbers_ == numbers_.size()) {
      return fail(error, "{}: got more than {} numbers", field_name(), numbers_.size());
    }
    numbers_[num_numbers_++] = value;
    return true;
  }
  bool on_uint64(uint64_t value, json::string_view, json::error_code& error) {
    return fail(error, "{}: got {}, expected at most {}", field_name(), value,
                std::numeric_limits<int64_t>::max());
  }
  bool on_double(double value, json::string_view, json::error_code& error) {
    return fail(error, "{}: got {}, expected integers", field_name(), value);
  }
  bool on_bool(bool, json::error_code& error) { return unexpected(error, "a boolean"); }
  bool on_null(json::error_code& error) { return unexpected(error, "null"); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  enum class Level { kDocument, kTop, kMetadata, kEntry, kNumbers };
  enum Field : unsigned { kNone = 0, kDType = 1, kShape = 2, kOffsets = 4 };

  template <typename... Args>
  bool fail(json::error_code& error, fmt::format_string<Args...> format, Args&&... args) {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    const bool in_entry = level_ == Level::kEntry || level_ == Level::kNumbers || in_finish_;
    problem_ = in_entry ? fmt::format("tensor \"{}\": {}", printable(name_), what) : what;
    error = json::error::syntax;
    return false;
  }
  bool unexpected(json::error_code& error, std::string_view got) {
    switch (level_) {
      case Level::kDocument:
        return fail(error, "got {}, expected an object", got);
      case Level::kTop:
        return fail(error, "tensor \"{}\": got {}, expected an object", printable(name_), got);
      case Level::kMetadata:
        return fail(error, "__metadata__: got {}, expected only strings", got);
      default:
        return fail(error, "{}: got {}, expected {}", field_name(), got,
                    field_ == kDType ? "a string" : "a list of integers");
    }
  }
  std::string_view field_name() const {
    if (field_ == kDType) return "dtype";
    if (field_ == kShape) return "shape";
    return field_ == kOffsets ? "data_offsets" : "value";
  }

  bool append(json::string_view part, size_t max_bytes, json::error_code& error) {
    if (text_.size() + part.size() > max_bytes) {
      return fail(error, "got a text of more than {} bytes: \"{}\"", max_bytes, printable(text_));
    }
    text_.append(part.data(), part.size());
    return true;
  }

  bool add_metadata_key(json::error_code& error) {
    if (!metadata_keys_.insert(text_).second) {
      return fail(error, "__metadata__: got the key \"{}\" twice, expected it once",
                  printable(text_));
    }
    return count_metadata(error);
  }
  bool count_metadata(json::error_code& error) {
    metadata_bytes_ += text_.size();
    text_.clear();
    return metadata_bytes_ <= kMaxSafetensorsMetadataBytes ||
           fail(error, "__metadata__: got more than {} bytes", kMaxSafetensorsMetadataBytes);
  }

  void begin_entry() {
    entry_ = {};
    field_ = kNone;
    fields_seen_ = 0;
  }
  bool begin_field(json::error_code& error) {
    const std::string key = std::exchange(text_, {});
    field_ = key == "dtype"          ? kDType
             : key == "shape"        ? kShape
             : key == "data_offsets" ? kOffsets
                                     : kNone;
    if (field_ == kNone) {
      return fail(error, "got the field \"{}\", expected dtype, shape and data_offsets",
                  printable(key));
    }
    if ((fields_seen_ & field_) != 0) return fail(error, "{}: got it twice, expected once", key);
    fields_seen_ |= field_;
    return true;
  }
  bool finish_dtype(json::error_code& error) {
    const std::string text = std::exchange(text_, {});
    const auto dtype = parse_dtype(text);
    if (!dtype) {
      return fail(error, "dtype: got \"{}\", expected one that is known", printable(text));
    }
    entry_.dtype = *dtype;
    return true;
  }
  bool finish_shape(json::error_code& error) {
    const auto dims = std::span(numbers_).first(num_numbers_);
    const auto shape = Shape::checked(dims);
    if (!shape) {
      return fail(error, "shape: got [{}], expected up to {} dimensions whose product fits 63 bits",
                  fmt::join(dims, ", "), Shape::kMaxRank);
    }
    entry_.shape = *shape;
    return true;
  }
  bool finish_offsets(json::error_code& error) {
    if (num_numbers_ != 2 || numbers_[0] > numbers_[1]) {
      return fail(error, "data_offsets: got [{}], expected a begin and an end not before it",
                  fmt::join(std::span(numbers_).first(num_numbers_), ", "));
    }
    entry_.begin = static_cast<uint64_t>(numbers_[0]);
    entry_.end = static_cast<uint64_t>(numbers_[1]);
    return true;
  }
  bool finish_entry(json::error_code& error) {
    in_finish_ = true;
    if (fields_seen_ != (kDType | kShape | kOffsets)) {
      return fail(error, "got {} of dtype, shape and data_offsets, expected all three",
                  std::popcount(fields_seen_));
    }
    const auto count = static_cast<uint64_t>(entry_.shape.num_elements());
    const uint64_t element_bytes = dtype_bytes(entry_.dtype);
    if (count > std::numeric_limits<uint64_t>::max() / element_bytes ||
        count * element_bytes != entry_.num_bytes()) {
      return fail(error, "data_offsets: got {} bytes, expected those of {} {}", entry_.num_bytes(),
                  dtype_name(entry_.dtype), to_string(entry_.shape));
    }
    if (entries_.size() == kMaxSafetensorsEntries) {
      return fail(error, "got more than {} tensors", kMaxSafetensorsEntries);
    }
    in_finish_ = false;
    entry_.name = name_;
    entries_.push_back(std::move(entry_));
    return true;
  }

  std::vector<SafetensorsEntry>& entries_;
  std::string problem_;
  Level level_ = Level::kDocument;
  std::string text_;  // of the key or string being received
  std::string name_;  // of the tensor being received
  SafetensorsEntry entry_;
  Field field_ = kNone;
  unsigned fields_seen_ = 0;
  bool in_finish_ = false;
  std::array<int64_t, 8> numbers_{};
  size_t num_numbers_ = 0;
  bool has_metadata_ = false;
  std::unordered_set<std::string> metadata_keys_;
  size_t metadata_bytes_ = 0;
};

}  // namespace

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header,
                                                               const std::string& file) {
  if (header.empty() || header.front() != '{') {
    return make_error(ErrorCode::kCorruptData, "{}: header: got \"{}\", expected a {{ first", file,
                      printable(header.substr(0, 8)));
  }
  std::vector<SafetensorsEntry> entries;
  json::basic_parser<HeaderHandler> parser(json::parse_options{}, entries);
  json::error_code error;
  const size_t num_read = parser.write_some(false, header.data(), header.size(), error);
  const std::string& problem = parser.handler().problem();
  if (!problem.empty()) return make_error(ErrorCode::kCorruptData, "{}: {}", file, problem);
  if (!error && num_read < header.size()) error = json::error::extra_data;
  if (error) {
    return make_error(ErrorCode::kCorruptData, "{}: header: got invalid JSON after byte {} ({})",
                      file, num_read, error.message());
  }
  return entries;
}

}  // namespace ernie
