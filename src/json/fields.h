#pragma once

/// Reading the members of a JSON object one by one, strictly typed.

#include <boost/json/object.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/text.h"

namespace ernie {

/// Each function takes note that a field exists and, if it is present and not null, checks its type
/// and writes it. The first problem is kept, later ones are not looked at; `finish` returns it, or
/// else the first field of the object that nobody asked for. Messages begin with the field's name:
/// "top_k: got true, expected an integer".
class JsonFields {
 public:
  /// `object` must outlive the reader. `prefix` stands before every name, as in "messages[2].".
  explicit JsonFields(const boost::json::object& object, std::string prefix = "")
      : object_(object), prefix_(std::move(prefix)) {}

  /// Null if absent or null.
  const boost::json::value* find(std::string_view name);

  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read(std::string_view name, int32_t& out);
  void read(std::string_view name, int64_t& out);
  /// Finite as float.
  void read(std::string_view name, float& out);
  /// Fields that are understood and change nothing here.
  void ignore(std::initializer_list<std::string_view> names);

  /// Notes a problem: "name: message".
  void fail(std::string_view name, std::string_view message);
  /// Notes a problem that an inner reader found.
  void fail_with(std::string_view message);
  /// Notes "name: got …, expected …".
  void fail_type(std::string_view name, const boost::json::value& got, std::string_view expected);

  bool ok() const { return problem_.empty(); }
  Result<void> finish() const;

 private:
  const boost::json::object& object_;
  std::string prefix_;
  std::vector<std::string_view> known_;
  std::string problem_;
};

/// The field that a message of this form names, "" if it names none.
std::string_view field_of(std::string_view message);

}  // namespace ernie
