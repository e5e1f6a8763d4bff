#pragma once

/// Reading the members of a JSON object one by one, strictly typed.

#include <boost/json/object.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/text.h"

namespace ernie {

/// Each function takes note that a field exists and, if it is present and not null, checks its type
/// and bounds. A problem is noted, "top_k: got true, expected an integer", and reading goes on, so
/// that all of them are found; what is read in place of the value is then of no use.
class JsonFields {
 public:
  /// The spellings of one field, the one for messages first. Two of them may occur together only
  /// with equal values.
  using Keys = std::initializer_list<std::string_view>;
  struct Place {
    std::string file;  ///< stands before the messages: "config.json: "
    std::string path;  ///< stands before every field's name: "messages[2]."
    ErrorCode code = ErrorCode::kInvalidArgument;  ///< of the problems found here
  };

  /// `object` must outlive the reader.
  explicit JsonFields(const boost::json::object& object, std::string path = "")
      : JsonFields(object, Place{"", std::move(path)}) {}
  JsonFields(const boost::json::object& object, Place place)
      : object_(object), place_(std::move(place)) {}

  /// Null if absent or null.
  const boost::json::value* find(std::string_view name) { return find({name}); }
  const boost::json::value* find(Keys keys);

  // Over the value that is there, if the field is present:
  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read(std::string_view name, int32_t& out);
  void read(std::string_view name, int64_t& out);
  /// Finite as float.
  void read(std::string_view name, float& out);
  /// Fields that are understood and change nothing here.
  void ignore(std::initializer_list<std::string_view> names);

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

  /// Notes a problem: "name: message".
  void fail(std::string_view name, std::string_view message);
  /// Notes a problem that another reader found.
  void fail_with(Error problem) { problems_.push_back(std::move(problem)); }
  /// Notes "name: got …, expected …" of a value that has the right type.
  void refuse(ErrorCode code, std::string_view name, std::string_view got,
              std::string_view expected);
  /// The same of one that has not.
  void fail_type(std::string_view name, const boost::json::value& got, std::string_view expected);

  const Place& place() const { return place_; }
  bool ok() const { return problems_.empty(); }
  const std::vector<Error>& problems() const { return problems_; }
  /// The first problem; fields that nobody asked for are none.
  Result<void> finish_ignoring_others() const;
  /// The first problem, or else the first field of the object that nobody asked for.
  Result<void> finish() const;

 private:
  void add(ErrorCode code, std::string_view name, std::string_view message);
  std::optional<int64_t> checked_integer(std::string_view name, const boost::json::value& value,
                                         int64_t min, int64_t max);

  const boost::json::object& object_;
  Place place_;
  std::vector<std::string_view> known_;
  std::vector<Error> problems_;
};

}  // namespace ernie
