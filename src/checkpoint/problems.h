#pragma once

/// Everything that is wrong with a file, so that one attempt shows all of it.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ernie {

class Problems {
 public:
  template <typename... Args>
  void add(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back(make_error(code, format, std::forward<Args>(args)...));
  }
  void add(Error error) { errors_.push_back(std::move(error)); }

  bool empty() const { return errors_.empty(); }
  const std::vector<Error>& errors() const { return errors_; }

  /// The first `max_listed` messages joined by "; " and a count of the others. Corrupt data
  /// outweighs what is merely unsupported. Not for an empty list.
  Error to_error(size_t max_listed) const;

 private:
  std::vector<Error> errors_;
};

/// Text from a file for a message: control characters escaped, cut after 120 bytes.
std::string printable(std::string_view text);

}  // namespace ernie
